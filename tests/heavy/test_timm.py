"""Fine-tuning from a checkpoint of timm's on disk, by the library itself (``pip install 'alrun[features]'``)."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from alrun.features.finetune import Pretrained, timm_model
from alrun.loop.run import Run
from alrun.models.classifier import frozen
from alrun.system.errors import UserError
from alrun.training.keeper import Keeper

NAME = "test_resnet"  # timm's own for tests: 0.5 million weights, images of 160 pixels
RESULTS = ("accuracy.csv", "queries.csv")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as timm's training script writes it, of a network with its classifier."""
    from alrun.system import torchvision_import  # noqa: F401 - timm imports torchvision

    timm = pytest.importorskip("timm", reason="timm is an extra: pip install 'alrun[features]'")
    torch.manual_seed(1)
    network = timm.create_model(NAME, pretrained=False)
    path = tmp_path_factory.mktemp("weights") / "last.pth.tar"
    torch.save({"epoch": 3, "arch": NAME, "state_dict": network.state_dict()}, path)
    return path


@pytest.fixture
def settings(weights: Path) -> tuple[str, ...]:
    """A run of two rounds on a few digits."""
    return (
        *("dataset=digits", "model=timm", f"model.name={NAME}", "model.pretrained=true", f"model.weights={weights}"),
        *("strategy=margin", "budget.seed_size=16", "budget.batch_size=8", "budget.total=24", "limit=60"),
        *("training.max_epochs=2", "training.batch_size=8", "optimizer.lr=0.01"),
    )


def network_of(model: nn.Module) -> dict[str, torch.Tensor]:
    assert isinstance(model, Pretrained)
    return {name: each.clone() for name, each in model.network.state_dict().items() if each.is_floating_point()}


def stored(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


def trained_by(complete, monkeypatch, *words: str) -> nn.Module:
    """The model that a run ends with."""
    ended: list[nn.Module] = []
    whole = Run.complete

    def kept(run: Run) -> None:
        whole(run)
        ended.append(run.parts.model)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "complete", kept)
        complete(*words)
    return ended[0]


def test_a_network_has_the_weights_of_the_file_and_the_librarys_input(weights):
    model = timm_model(1, (8, 8), 10, NAME, pretrained=True, weights=str(weights))
    assert isinstance(model, Pretrained)
    assert model.preprocessing.size == (160, 160)
    there = stored(weights)
    assert {name for name, each in network_of(model).items() if each.equal(there[name])} == set(network_of(model))


def test_a_run_killed_at_any_write_ends_as_if_it_had_not_been(settings, complete, tmp_path, monkeypatch):
    whole = complete(*settings)
    expected = [(whole / name).read_bytes() for name in RESULTS]
    assert len(pd.read_csv(whole / "accuracy.csv")) == 2
    whole.rename(tmp_path / "whole")
    deaths = 0
    for kind in (Run, Keeper):  # after what a run computed was saved, and in the middle of a training
        written = kind.save

        def save_and_die(*arguments: Any, written: Any = written) -> None:
            written(*arguments)
            raise KeyboardInterrupt

        for _ in range(2):
            with monkeypatch.context() as patched:
                patched.setattr(kind, "save", save_and_die)
                with pytest.raises(KeyboardInterrupt):
                    complete(*settings, "runtime.checkpoint_minutes=0")
                deaths += 1
    run_dir = complete(*settings, "runtime.checkpoint_minutes=0")
    assert deaths == 4
    assert [(run_dir / name).read_bytes() for name in RESULTS] == expected


@pytest.mark.parametrize("freeze", ["backbone", "layer2"])
def test_what_is_frozen_stays_as_it_is_in_the_file(settings, weights, complete, monkeypatch, freeze):
    model = trained_by(complete, monkeypatch, *settings, f"model.freeze={freeze}")
    there = stored(weights)
    same = {name for name, each in network_of(model).items() if each.equal(there[name])}
    moved = set(network_of(model)) - same
    at_rest = ("conv1.", "bn1.", "layer1.", "layer2.")
    if freeze == "backbone":
        assert not moved
    else:
        assert same == {name for name in there if name.startswith(at_rest) and name in network_of(model)}
        assert moved
    assert {f"network.{name}" for name in same} <= set(frozen(model))


def test_the_backbone_takes_the_shorter_steps_that_it_is_given(settings, weights, complete, monkeypatch):
    there, way = stored(weights), []
    for rate in (1.0, 0.01):
        model = trained_by(complete, monkeypatch, *settings, f"model.backbone_rate={rate}")
        assert isinstance(model, Pretrained)
        named = dict(model.network.named_parameters())
        way.append(sum(float((each.detach() - there[name]).square().sum()) for name, each in named.items()) ** 0.5)
    assert 0 < way[1] < 0.1 * way[0]


def test_weights_of_another_network_are_one_sentence(settings, complete, tmp_path):
    torch.save({"state_dict": nn.Sequential(nn.Linear(3, 4)).state_dict()}, tmp_path / "other.pt")
    with pytest.raises(
        UserError, match=r"model.weights=.*other.pt does not fit \w+: it lacks \d+ names \(.*\), and has"
    ):
        complete(*settings, f"model.weights={tmp_path / 'other.pt'}")
