"""How what the settings name is built."""

import pytest
from omegaconf import DictConfig, OmegaConf

from alrun.settings import factory, targets
from alrun.system.errors import UserError


class Thing:
    def __init__(self, count: int, rate: float = 0.5, mode: str | None = None) -> None:
        self.settings = (count, rate, mode)


class Bare:
    def __init__(self) -> None:
        pass


@pytest.fixture
def listed(monkeypatch):
    """This module and one that is not there are the user's own."""
    monkeypatch.setattr(targets, "_listed", (__name__, "no_such_package"))


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"_target_": f"{__name__}.Nothing"}, f"thing._target_={__name__}.Nothing cannot be imported"),
        ({"_target_": "no_such_package.Thing"}, "No module named 'no_such_package'"),
        ({"_target_": f"{__name__}.Thing", "cuont": 2}, f"thing.cuont: {__name__}.Thing has no such setting; did you "),
        ({"_target_": f"{__name__}.Bare", "count": 2}, f"thing.count: {__name__}.Bare takes no settings: leave it out"),
        ({"_target_": f"{__name__}.Thing", "count": "two"}, "thing.count=two is not possible: give a whole number"),
        ({"_target_": f"{__name__}.Thing", "count": True}, "thing.count=True is not possible: give a whole number"),
        ({"_target_": f"{__name__}.Thing", "count": 1, "mode": 3}, "thing.mode=3 is not possible: give text or null"),
        ({"_target_": f"{__name__}.Thing"}, "count"),
        ({"count": 1}, "thing has no _target_"),
    ],
)
def test_what_cannot_be_built_is_named(settings, words):
    with pytest.raises(UserError, match=words):
        factory.build(DictConfig(settings), "thing")


def test_a_number_is_no_part():
    with pytest.raises(UserError, match=r"optimizer\.swa=1 is not a part of a run"):
        factory.build(OmegaConf.create({"swa": 1}).swa, "optimizer.swa")


@pytest.mark.usefixtures("listed")
def test_numbers_are_passed_as_they_are():
    node = OmegaConf.create({"_target_": f"{__name__}.Thing", "count": 2, "rate": 1})
    assert factory.build(node, "thing").settings == (2, 1, None)
    assert factory.build(node, "thing", mode="x").settings == (2, 1, "x")
