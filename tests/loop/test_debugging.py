"""The presets of debug= tell what they promise."""

import json
import re
from pathlib import Path

import pytest
import torch

from alrun import strategies
from alrun.loop.start import run
from alrun.settings.planned_runs import options_of
from tests.conftest import QUIET

# The strategies that train something of their own beside the run's model, and by what they say for how long.
OWN_TRAINING = {"vaal": "iterations", "learning_loss": "epochs", "discriminative": "epochs"}


def test_fast_cuts_what_strategies_train_themselves(composed):
    for path in Path(strategies.__file__).parent.glob("*.py"):
        trains = re.search(r"torch\.optim\.Adam\(", path.read_text())
        assert not trains or path.stem in OWN_TRAINING, f"{path.stem} trains a network: debug=fast has to cut it"
    for name, setting in OWN_TRAINING.items():
        whole, cut = (composed(f"strategy={name}", *words).strategy[setting] for words in ([], ["debug=fast"]))
        assert whole >= 50
        assert cut <= 10


@pytest.mark.parametrize("name", OWN_TRAINING)
def test_a_fast_run_takes_few_steps(composed, tmp_path, monkeypatch, name):
    """Of Adam, which trains those networks: in both queries together."""
    steps = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *given, **named: (steps.append(1), step(*given, **named))[1])
    cfg = composed(f"strategy={name}", "debug=fast", *QUIET, f"paths.outputs={tmp_path}", hydra=True)
    run(cfg, Path(cfg.hydra.run.dir), options_of(cfg))
    assert 0 < len(steps) <= 60


# The preset with its own numbers, in the place of those of the fixture.
OVERFIT = ("budget.seed_size=100", "budget.batch_size=100", "budget.total=100", "training.max_epochs=300")


def test_overfit_says_that_a_network_learns_its_labels_by_heart(complete, caplog):
    caplog.set_level("INFO")
    folder = complete("debug=overfit", *OVERFIT)
    (line,) = [record.getMessage() for record in caplog.records if "memorized" in record.getMessage()]
    assert line.startswith("memorized: training accuracy ")
    assert "on 100 labels" in line
    assert len((folder / "accuracy.csv").read_text().splitlines()) == 2  # nothing is bought


def test_overfit_says_that_a_network_does_not(complete, caplog):
    complete("debug=overfit", *OVERFIT, "optimizer.lr=1e-9", "training.max_epochs=3")
    (line,) = [record.getMessage() for record in caplog.records if "memorized" in record.getMessage()]
    assert line.startswith("not memorized: training accuracy 0.")
    assert line.endswith(
        "on 100 labels after 3 epochs; try another optimizer.lr, then look at the model and the labels"
    )


@pytest.mark.parametrize("dataset", ["digits", "cifar10", "mnist"])
def test_overfit_takes_the_augmentation_off_whatever_a_data_set_brings(composed, dataset):
    cfg = composed("debug=overfit", f"dataset={dataset}")
    assert cfg.augmentation._target_ == "alrun.data.augmentation.NoAugmentation"
    assert cfg.training.max_epochs == 300
    assert cfg.budget.total == cfg.budget.seed_size == 100


def test_profile_says_where_the_time_goes(complete, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = complete("debug=profile", "strategy=badge", f"paths.outputs={tmp_path}")
    lines = [record.getMessage() for record in caplog.records]
    (seconds,) = [line for line in lines if line.startswith("seconds: ")]
    spent = dict(part.split() for part in seconds.removeprefix("seconds: ").split(", "))
    assert list(spent) == ["training", "evaluation", "selection"]
    assert all(float(value) > 0 for value in spent.values())
    shares = [float(line.split()[0]) for line in lines if line.startswith("  ") and "%" in line]
    assert len(shares) == 10
    assert shares == sorted(shares, reverse=True)
    assert 30 < sum(shares) <= 100.5
    names = {event.get("name") for event in json.loads((folder / "trace.json").read_text())["traceEvents"]}
    assert {"training", "evaluation", "selection", "aten::addmm"} <= names
    assert "aten::addmm" in (folder / "profile.txt").read_text()


def test_profile_takes_a_folder_of_its_own(composed):
    first = composed("debug=profile").paths.outputs
    assert first.startswith("outputs/profile/")
    assert composed("debug=profile", "paths.outputs=here").paths.outputs == "here"
