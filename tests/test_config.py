"""What identifies a run, and how what the settings name is built."""

import pytest
from omegaconf import OmegaConf

from alrun import config, targets
from alrun.errors import UserError


def names(composed, *overrides: str) -> tuple[str, str]:
    folder = composed(*overrides, hydra=True).hydra.run.dir
    _, setting, run = folder.rsplit("/", 2)
    return setting, run


@pytest.mark.parametrize(
    ("override", "setting_changes", "run_changes"),
    [
        ("runtime.threads=3", False, False),
        ("runtime.device=cpu", False, False),
        ("paths.outputs=elsewhere", False, False),
        ("paths.data=elsewhere", False, False),
        ("name=mine", False, False),
        ("seed=7", False, True),
        ("strategy=entropy", False, True),
        ("initial_seed=1", True, False),
        ("model.width=8", True, False),
        ("model_update=update", True, False),
        ("budget.total=180", True, False),
        ("optimizer.lr=0.02", True, False),
        ("training.stop_accuracy=0.9", True, False),
        ("dataset.mean=[0.5]", True, False),
    ],
)
def test_a_folder_is_named_by_what_is_computed(composed, override, setting_changes, run_changes):
    before, after = names(composed), names(composed, override)
    assert (before[0] != after[0], before[1] != after[1]) == (setting_changes, run_changes)


def test_settings_of_a_strategy_tell_its_runs_apart(composed):
    assert (
        names(composed, "strategy=entropy")[1] != names(composed, "strategy=entropy", "strategy.dropout_samples=5")[1]
    )


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("strategy=random", False),
        ("seed=3", False),
        ("budget.total=100", False),
        ("budget.batch_size=7", False),
        ("model_update=update", False),
        ("budget.seed_size=30", True),
        ("initial_seed=3", True),
        ("model.dropout=0.1", True),
        ("optimizer=adam", True),
        ("augmentation=crop", True),
        ("training.max_epochs=59", True),
    ],
)
def test_the_first_model_is_shared_by_all_it_does_not_depend_on(composed, override, changes):
    before, after = (config.first_model_id(composed(*overrides)) for overrides in ((), (override,)))
    assert (before != after) == changes


class Thing:
    def __init__(self, count: int, rate: float = 0.5, mode: str | None = None) -> None:
        self.settings = (count, rate, mode)


@pytest.fixture
def listed(monkeypatch):
    """This module and one that is not there are the user's own."""
    monkeypatch.setattr(targets, "_listed", ("test_config", "no_such_package"))


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"_target_": "test_config.Nothing"}, "thing._target_=test_config.Nothing cannot be imported"),
        ({"_target_": "no_such_package.Thing"}, "No module named 'no_such_package'"),
        ({"_target_": "test_config.Thing", "cuont": 2}, "thing.cuont: test_config.Thing has no such setting; did you "),
        ({"_target_": "test_config.Thing", "count": "two"}, "thing.count=two is not possible: give int"),
        ({"_target_": "test_config.Thing", "count": True}, "thing.count=True is not possible: give int"),
        ({"_target_": "test_config.Thing", "count": 1, "mode": 3}, "thing.mode=3 is not possible: give str or null"),
        ({"_target_": "test_config.Thing"}, "count"),
        ({"count": 1}, "thing has no _target_"),
    ],
)
def test_what_cannot_be_built_is_named(settings, words):
    with pytest.raises(UserError, match=words):
        config.build(OmegaConf.create(settings), "thing")


def test_a_number_is_no_part():
    with pytest.raises(UserError, match=r"optimizer\.swa=1 is no part of a run"):
        config.build(OmegaConf.create({"swa": 1}).swa, "optimizer.swa")


@pytest.mark.usefixtures("listed")
def test_numbers_are_passed_as_they_are():
    node = OmegaConf.create({"_target_": "test_config.Thing", "count": 2, "rate": 1})
    assert config.build(node, "thing").settings == (2, 1, None)
    assert config.build(node, "thing", mode="x").settings == (2, 1, "x")
