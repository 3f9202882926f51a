"""Types and ranges in signatures: what is refused, and in which words."""

import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen, MultipleOf
from omegaconf import OmegaConf
from pydantic import Field

from alrun.settings import factory, ranges
from alrun.strategies.more.targeted import Classes
from alrun.system.errors import UserError
from alrun.system.units import Megabytes

if TYPE_CHECKING:
    from nowhere import Unknown


class Rated:
    def __init__(self, lr: Annotated[float, Gt(0)] = 0.1, other: "Unknown | None" = None) -> None:
        self.lr = lr
        self.other = other


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (int, [3, -1, 2**70], [1.0, 1.5, "1", True, None, [1]]),
        (float, [0.5, 3, -1], ["0.5", False, math.nan, math.inf, -math.inf, None]),
        (bool, [True, False], [0, 1, "true"]),
        (str, ["", "1", "\udce4.csv"], [1, None, True]),
        (Annotated[float, Gt(0)] | None, [1, 1e-9, None], [0, -1, "null"]),
        (Annotated[int, Ge(2)], [2, 3], [1, 2.0]),
        (Annotated[float, Ge(0), Lt(1)], [0, 0.99], [1, -0.01]),
        (Annotated[float, Interval(ge=0, le=1)], [0, 1], [1.01, -0.01]),
        (Annotated[int, MultipleOf(4)], [8], [6]),
        (Literal["random", "margin"], ["random"], ["rand", None, 1]),
        (Literal[1, 3], [1, 3], [2, True, "1", None]),
        (Annotated[str, Literal["a", "b"]], ["a"], ["c", 1]),
        (Annotated[str, Literal["a", "b"]] | None, ["a", None], ["c"]),
        (Classes | None, [[0, 3], ["cat"], None], [[], [-1], [1.5], [True], 3, "3"]),
        (tuple[int, int], [[1, 2]], [[1], ["a", 2]]),
        (Path, ["images"], [3]),
        (Megabytes, [0, 2000, math.inf], [-1, math.nan, -math.inf, "much"]),
        (Any, [None, "x", math.nan], []),
        (Rated, ["whatever"], []),  # of a class of one's own nothing is known
    ],
)
def test_a_value_is_of_the_type_and_in_the_range_or_is_not(hint, right, wrong):
    assert [value for value in right if not ranges.value_fits_hint(value, hint)] == []
    assert [value for value in wrong if ranges.value_fits_hint(value, hint)] == []


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (Annotated[float, Gt(0)], "a number above 0"),
        (Annotated[float, Gt(0), Lt(1)], "a number between 0 and 1"),
        (Annotated[float, Ge(0), Le(1)], "a number from 0 to 1"),
        (Annotated[float, Gt(0), Le(1)], "a number above 0 and up to 1"),
        (Annotated[float, Ge(0), Lt(1)], "a number of 0 or more and below 1"),
        (Annotated[float, Interval(gt=0, lt=1)], "a number between 0 and 1"),
        (Annotated[float, Field(gt=0)], "a number above 0"),
        (Annotated[int, Ge(1)] | None, "a whole number of 1 or more, or null"),
        (Annotated[int, Ge(4), MultipleOf(4)], "a whole number of 4 or more and a multiple of 4"),
        (Literal["random", "margin"], "random or margin"),
        (Literal[11, 13, 16, 19], "11, 13, 16 or 19"),
        (Annotated[str, Literal["a", "b"]] | None, "a, b or null"),
        (list[float] | None, "a list of numbers or null"),
        (Annotated[list[Annotated[int, Ge(0)]], MinLen(1)], "a list of 1 or more whole numbers of 0 or more"),
        (list[list[str]], "a list of lists of texts"),
        (bool, "true or false"),
    ],
)
def test_a_type_and_its_range_in_words(hint, words):
    assert ranges.hint_in_words(hint) == words


def test_a_setting_of_ones_own_class_has_its_range_and_a_name_for_type_checkers_alone_does_no_harm(monkeypatch):
    node = {"_target_": f"{__name__}.Rated", "lr": 0, "other": "x"}
    with pytest.raises(UserError, match=r"thing\.lr=0 is not possible: give a number above 0\."):
        factory.build(OmegaConf.create(node), "thing")
    assert factory.build(OmegaConf.create(node | {"lr": 1}), "thing").lr == 1


def test_what_help_needs_imports_no_pydantic():
    code = "import sys, alrun.settings.factory, alrun.settings.checks; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
