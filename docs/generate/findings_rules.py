"""From numbers to verdicts: the rules that findings and claims share. The seed is the unit: n is the number of repeats.

A difference is confirmed if its interval is on its side of 0. "No difference" is confirmed if the interval is within
the margin (two one-sided tests), because few repeats find nothing even if there is something. Anything between is
undecided.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alrun.analysis import significance
from alrun.analysis.intervals import t_interval
from alrun.system.errors import UserError

CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
OUTSIDE = "condition not met"  # the paper says it of runs of another kind
LITTLE = 1.0  # percentage points that count as little
TRAINED = ("accuracy", "no_gain", "schedule_end", "optimum")  # how a training ends that was not cut short
EPOCHS = 150  # the fewest that the paper gives a round: Fashion-MNIST and SVHN, Table 3
KNOWN = 5  # the fewest repeats whose scatter says what they could have detected
ENOUGH = 0.95  # share of the rounds that must be trained for a verdict


@dataclass(frozen=True)
class Answer:
    """What runs say about a finding."""

    measured: str
    verdict: str
    rule: str
    repeats: int
    finds: float = math.nan  # points: the true difference that so many repeats find with a power of 0.8

    @classmethod
    def of(cls, measured: str, verdict: str, rule: str, *differences: np.ndarray) -> "Answer":
        """An answer that rests on ``differences`` in points, (seeds,) each."""
        return cls(measured, verdict, rule, min(map(len, differences)), max(map(detectable, differences)))


def gaps(one: pd.Series, other: pd.Series) -> np.ndarray:
    """``one`` minus ``other`` (by strategy and seed), (seeds,): the mean over the strategies that both have.

    Raises:
        UserError: Fewer than two seeds have all of these strategies in both.
    """
    table = (one - other).unstack("seed").dropna(how="all")
    found = table.dropna(axis="columns").mean()
    return enough(found.to_numpy(float))


def enough(values: np.ndarray) -> np.ndarray:
    """The values (seeds,), if there are two or more.

    Raises:
        UserError: There are fewer.
    """
    if len(values) < 2:
        raise UserError("there are fewer than two repeats to compare")
    return values


def estimate(values: np.ndarray, digits: int = 2) -> str:
    """Mean and 95 % interval over seeds, as text."""
    low, high = t_interval(values.tolist())
    return f"{values.mean():+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def detectable(values: np.ndarray) -> float:
    """The true mean that the paired t-test finds with a power of 0.8, with repeats as many and as scattered as these.

    NaN without scatter, or with fewer than ``KNOWN`` repeats: its size is then unknown (of three, the 95 % interval of
    a standard deviation goes from half of it to six times as much).
    """
    from statsmodels.stats.power import TTestPower

    if len(values) < KNOWN or not significance.has_scatter(values):
        return math.nan
    effect = TTestPower().solve_power(nobs=len(values), alpha=significance.ALPHA, power=significance.POWER)
    return float(effect) * float(values.std(ddof=1))


def bound(values: np.ndarray) -> float:
    """The smallest margin within which two one-sided tests at 5 % put the true mean."""
    return max(map(abs, t_interval(values.tolist(), 1 - 2 * significance.ALPHA)))


def above(values: np.ndarray, least: float = 0.0) -> str:
    """Whether the true mean is above ``least``."""
    low, high = t_interval(values.tolist())
    return CONFIRMED if low > least else REFUTED if high < least else UNDECIDED


def none(values: np.ndarray, margin: float = LITTLE) -> str:
    """Whether the true mean is no more than ``margin`` away from 0."""
    if significance.equivalence(values, margin) < significance.ALPHA:
        return CONFIRMED
    low, high = t_interval(values.tolist())
    return REFUTED if low > margin or high < -margin else UNDECIDED


def below(values: np.ndarray, margin: float = LITTLE) -> str:
    """Whether the true mean is less than ``margin`` above 0 (one-sided); an interval above 0 refutes it."""
    if above(values) == CONFIRMED:
        return REFUTED
    _, high = t_interval(values.tolist(), 1 - 2 * significance.ALPHA)
    return CONFIRMED if high < margin else UNDECIDED


def all_of(*verdicts: str) -> str:
    """One verdict on a sentence of several parts: one part refutes it, all confirm it, or it is undecided."""
    if REFUTED in verdicts:
        return REFUTED
    return CONFIRMED if set(verdicts) == {CONFIRMED} else UNDECIDED


def slopes(values: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """For each seed (a row of ``values``) the slope of the line through its values at ``places``."""
    whole = values.dropna()
    return enough(np.array([np.polyfit(places, row, 1)[0] for row in whole.to_numpy(float)]))


def trained(rounds: pd.DataFrame) -> float:
    """Share of the rounds whose training was not cut short; as many epochs as in the paper are enough."""
    ends = rounds["stopped_by"].isin(TRAINED)
    if "training.max_epochs" in rounds:
        as_many = pd.to_numeric(rounds["training.max_epochs"], errors="coerce") >= EPOCHS
        ends |= (rounds["stopped_by"] == "max_epochs") & as_many
    return float(ends.mean())
