"""From numbers to verdicts: the rules that findings and claims share. The seed is the unit: n is the number of repeats.

A difference agrees if its interval is on its side of 0. "No difference" agrees if the interval is within the margin
(two one-sided tests), because few repeats find nothing even if there is something. Anything between is undecided.
"""

import numpy as np
import pandas as pd

from alrun.analysis import significance
from alrun.analysis.intervals import t_interval
from alrun.system.errors import UserError

AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "undecided"
LITTLE = 1.0  # percentage points that count as little
TRAINED = ("accuracy", "no_gain", "schedule_end")  # how a training ends that was not cut short
ENOUGH = 0.95  # share of the rounds that must be trained for a verdict


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


def estimate(values: np.ndarray, digits: int = 1) -> str:
    """Mean and 95 % interval over seeds, as text."""
    low, high = t_interval(values.tolist())
    return f"{values.mean():+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def above(values: np.ndarray, least: float = 0.0) -> str:
    """Whether the true mean is above ``least``."""
    low, high = t_interval(values.tolist())
    return AGREES if low > least else DISAGREES if high < least else UNDECIDED


def none(values: np.ndarray, margin: float = LITTLE) -> str:
    """Whether the true mean is no more than ``margin`` away from 0."""
    if significance.equivalence(values, margin) < significance.ALPHA:
        return AGREES
    low, high = t_interval(values.tolist())
    return DISAGREES if low > margin or high < -margin else UNDECIDED


def below(values: np.ndarray, margin: float = LITTLE) -> str:
    """Whether the true mean is less than ``margin`` above 0 (one-sided); an interval above 0 disagrees."""
    if above(values) == AGREES:
        return DISAGREES
    _, high = t_interval(values.tolist(), 1 - 2 * significance.ALPHA)
    return AGREES if high < margin else UNDECIDED


def all_of(*verdicts: str) -> str:
    """One verdict on a sentence of several parts: it disagrees with one part, agrees with all, or is undecided."""
    if DISAGREES in verdicts:
        return DISAGREES
    return AGREES if set(verdicts) == {AGREES} else UNDECIDED


def slopes(values: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """For each seed (a row of ``values``) the slope of the line through its values at ``places``."""
    whole = values.dropna()
    return enough(np.array([np.polyfit(places, row, 1)[0] for row in whole.to_numpy(float)]))


def trained(rounds: pd.DataFrame) -> float:
    """Share of the rounds whose training was not cut short."""
    return float(rounds["stopped_by"].isin(TRAINED).mean())
