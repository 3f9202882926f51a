"""Networks of which a part is not trained: what that part costs on disk, and that a run with one goes on alike."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from alrun.loop.start import run
from alrun.models import SmallCnn
from alrun.models.classifier import frozen
from alrun.settings.planned_runs import options_of
from alrun.system import interruption
from alrun.training.keeper import Keeper
from tests.conftest import QUIET, SMALL, checkpoint_of

WIDE = 2048
BYTES = 4 * 16 * WIDE  # of the part that is not trained, in float32
COMPARED = ("accuracy.csv", "measures.csv", "stopping.csv", "queries.csv", "per_class.csv")


class FrozenBackbone(SmallCnn):
    """Features from fixed weights, as of a file, of which batch norm stays in evaluation."""

    keeps = True

    def __init__(self, *arguments, **settings) -> None:
        super().__init__(*arguments, **settings)
        self.features.append(nn.Linear(16, WIDE, bias=False))
        self.head = nn.Linear(WIDE, self.head.out_features)
        draws = torch.Generator().manual_seed(7)
        for parameter in self.features.parameters():
            parameter.data = torch.rand(parameter.shape, generator=draws) - 0.5
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> "FrozenBackbone":
        super().train(mode)
        if self.keeps:
            self.features.eval()
        return self


class Moving(FrozenBackbone):
    """One whose batch norm goes on counting though its weights are frozen."""

    keeps = False


@pytest.fixture
def command(composed):
    """``command(outputs, model, ...)``: computes, or goes on with, a run; its folder."""

    def start(outputs: Path, model: type, *overrides: str) -> Path:
        network = (f"model._target_={model.__module__}.{model.__name__}", "model.width=2", "model.embedding=16")
        settings = (*SMALL, *QUIET, "strategy=entropy", *network, *overrides)
        cfg = composed(*settings, f"paths.outputs={outputs}", hydra=True)
        run_dir = Path(cfg.hydra.run.dir)
        run(cfg, run_dir, options_of(cfg))
        return run_dir

    return start


def stop_after(monkeypatch, saves: int) -> None:
    """Let a run stop at so many checkpoints within rounds of its own (round 0's are in the cache)."""
    save, count = Keeper.save, 0

    def mortal(keeper: Keeper, content: dict) -> None:
        nonlocal count
        save(keeper, content)
        count += keeper.path.name == "training.pt"
        if count == saves:
            raise interruption.Interrupted

    monkeypatch.setattr(Keeper, "save", mortal)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (FrozenBackbone, ("optimizer=sgd",)),
        (FrozenBackbone, ("model_update=update", "optimizer=sgd_swa")),
        (Moving, ("optimizer=sgd",)),
    ],
)
def test_a_run_with_a_frozen_backbone_goes_on_alike_in_a_copy_of_its_folder(
    command, tmp_path, monkeypatch, model, settings
):
    whole = command(tmp_path / "whole", model, *settings)
    with monkeypatch.context() as patch:
        stop_after(patch, saves=3)  # in round 1
        with pytest.raises(interruption.Interrupted):
            command(tmp_path / "stopped", model, *settings, "runtime.checkpoint_minutes=0")
    stopped = tmp_path / "stopped" / "runs" / whole.parent.name / whole.name
    # Two generations of rounds, two of the training: the backbone is in none of them.
    sizes = {path.name: path.stat().st_size for path in stopped.glob("*.pt")}
    assert BYTES < sizes.pop("frozen.pt") < 1.1 * BYTES
    assert len(sizes) == 4
    head = 4 * 10 * WIDE  # and as much for the optimizer's momentum, and for an average
    assert all(size < 4 * head + 20_000 for size in sizes.values()), sizes
    shutil.copytree(tmp_path / "stopped" / "runs", tmp_path / "copied" / "runs")
    copied = command(tmp_path / "copied", model, *settings)
    assert not (copied / "training.pt").exists()
    for name in COMPARED:
        assert (copied / name).read_bytes() == (whole / name).read_bytes(), name
    ends = [torch.load(checkpoint_of(folder), weights_only=True)["weights"] for folder in (whole, copied)]
    assert ends[0].keys() == ends[1].keys()
    assert all(ends[0][name].equal(ends[1][name]) for name in ends[0])


def test_what_training_leaves_as_it_is():
    model = FrozenBackbone(3, (8, 8), 10, width=2, embedding=16).train()
    named = {name for name in model.state_dict() if name.startswith("features.")}
    assert frozen(model) == named  # running averages and counters too
    moving = {name for name in named if "running" in name or "num_batches" in name}
    assert frozen(Moving(3, (8, 8), 10, width=2, embedding=16).train()) == named - moving
    assert frozen(SmallCnn(3, (8, 8), 10).train()) == set()


def test_a_network_without_a_frozen_part_has_no_such_file(command, tmp_path):
    assert not list(command(tmp_path, SmallCnn).glob("frozen*"))
