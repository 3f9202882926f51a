"""One first model for runs that differ in what trains the later rounds."""

import json
import math

import pandas as pd
import pytest
import torch

from alrun.runs.round_record import MEASURES
from alrun.settings import identity, targets
from alrun.system.errors import UserError
from alrun.training.checkpoint import load_checkpoint, serialize


def first_model(composed, *overrides: str) -> str:
    return identity.first_model_id(composed(*overrides, hydra=True))


def setting(composed, *overrides: str) -> str:
    return identity.setting_id(_root_=composed(*overrides, hydra=True))


@pytest.mark.parametrize("experiment", ["optimizer", "generalization"])
def test_the_papers_optimizers_share_their_first_model(composed, experiment):
    """Figures 3 and 10 start where Figure 1 does; that with SGD is the very run of the baseline."""
    other = {"optimizer": "adam", "generalization": "sgd_swa"}[experiment]
    name = f"experiment={experiment}/cifar10"
    baseline = "experiment=baseline/cifar10"
    assert first_model(composed, name, f"optimizer={other}") == first_model(composed, name, "optimizer=sgd")
    assert first_model(composed, name, "optimizer=sgd") == first_model(composed, baseline)
    assert setting(composed, name, "optimizer=sgd") == setting(composed, baseline)
    alone = setting(composed, name, f"optimizer={other}", "~first_optimizer")
    assert setting(composed, name, f"optimizer={other}") != alone
    assert first_model(composed, name, "optimizer=adam", "~first_optimizer") != first_model(composed, baseline)


@pytest.mark.parametrize("dss", ["grad_match", "craig", "glister", "random"])
def test_subset_selection_shares_it_too_since_round_0_trains_on_all(composed, complete, tmp_path, dss):
    assert first_model(composed, f"dss={dss}") == first_model(composed)
    shared = weights_of(complete(f"paths.outputs={tmp_path}/plain"))
    own = weights_of(complete(f"dss={dss}", f"paths.outputs={tmp_path}/subset"))
    assert all(torch.equal(shared[name], own[name]) for name in shared)


def test_the_first_model_of_adam_is_the_one_that_sgd_trains(complete, tmp_path):
    """Each in its own folder of results, so that nothing is handed over."""
    sgd = complete(f"paths.outputs={tmp_path}/sgd")
    adam = complete("optimizer=adam", f"paths.outputs={tmp_path}/adam")
    both = complete("optimizer=adam", "first_optimizer=sgd", f"paths.outputs={tmp_path}/both")
    assert all(torch.equal(weights_of(sgd)[name], value) for name, value in weights_of(both).items())
    assert any(not torch.equal(weights_of(adam)[name], value) for name, value in weights_of(both).items())
    accuracy = [pd.read_csv(run / "accuracy.csv")["test_accuracy"] for run in (sgd, both)]
    assert accuracy[0][0] == accuracy[1][0]
    assert accuracy[0].tolist() != accuracy[1].tolist()


def weights_of(run_dir) -> dict[str, torch.Tensor]:
    """Of the first model, as it is kept beside the runs."""
    (path,) = (run_dir.parents[2] / "cache" / "first_model").glob("*.pt")
    return load_checkpoint(path)["weights"]


OWN = """
from torch import nn
from alrun import Classifier

class Own(Classifier):
    def __init__(self, channels, image_size, classes, width):
        super().__init__()
        self.features = nn.Flatten()
        self.head = nn.Linear(64, classes)
"""


def test_runs_share_it_as_long_as_the_users_own_code_stays(complete, tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(targets, "_listed", ("own_net",))

    def kept_after(strategy: str) -> int:
        complete("model=mnist_net", "model._target_=own_net.Own", f"strategy={strategy}")
        return len(list((tmp_path / "cache" / "first_model").glob("*.pt")))

    assert [kept_after("random"), kept_after("margin")] == [1, 1]
    (tmp_path / "own_net.py").write_text(OWN + "# edited")
    assert kept_after("entropy") == 2


def test_a_first_model_that_an_older_version_kept_is_measured_again_and_not_trained_again(complete, tmp_path):
    expected = pd.read_csv(complete("strategy=random", "seed=0") / "measures.csv").iloc[0]
    (path,) = (tmp_path / "cache" / "first_model").glob("*.pt")
    content = load_checkpoint(path)
    content["record"] |= {"epochs": 77}  # shows that it is reused
    for name in MEASURES:
        content["record"].pop(name, None)
    path.write_bytes(serialize(content))
    run = complete("strategy=margin", "seed=0")
    assert pd.read_csv(run / "accuracy.csv")["epochs"][0] == 77
    found = pd.read_csv(run / "measures.csv").iloc[0]
    assert not math.isnan(found["nll"])
    pd.testing.assert_series_equal(found, expected)


def test_a_first_model_from_a_file_is_evaluated_and_not_trained(composed, complete, tmp_path):
    trained = complete(f"paths.outputs={tmp_path}/trained")
    file = tmp_path / "first.pt"
    torch.save(weights_of(trained), file)
    run = complete(f"first_model={file}", f"paths.outputs={tmp_path}/given")
    first, own = (pd.read_csv(each / "accuracy.csv").iloc[0] for each in (trained, run))
    assert (own["test_accuracy"], own["epochs"], own["stopped_by"]) == (first["test_accuracy"], 0, "given")
    assert all(torch.equal(weights_of(trained)[name], value) for name, value in weights_of(run).items())
    told = json.loads((run / "run.json").read_text())["settings"]["first_model"]
    assert told.startswith("first-")
    assert str(tmp_path) not in told
    before = setting(composed, f"first_model={file}", f"paths.outputs={tmp_path}")
    torch.save({name: value + 1 for name, value in weights_of(trained).items()}, file)
    assert setting(composed, f"first_model={file}", f"paths.outputs={tmp_path}") != before != setting(composed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not a file"),
        ({"conv.weight": torch.zeros(3)}, "belongs to another network than model"),
        ("text", "cannot be read"),
        ("infinite", "has numbers that are not finite"),
    ],
)
def test_a_file_that_holds_no_such_model_is_refused_in_a_sentence(complete, tmp_path, content, reason):
    file = tmp_path / "first.pt"
    if content == "infinite":
        weights = weights_of(complete(f"paths.outputs={tmp_path}/trained"))
        torch.save({name: value / 0 for name, value in weights.items()}, file)
    elif content is not None:
        file.write_text(content) if isinstance(content, str) else torch.save(content, file)
    with pytest.raises(UserError, match=f"first_model=.*first.pt {reason}"):
        complete(f"first_model={file}")
