"""Are forecasts right? The factors of their intervals, from some runs, and how often these hold the outcomes of others.

Each round of a finished run from the fifth on forecasts the rounds after it. Rounds of one run are not independent, so
runs are what counts: each has the same weight, and in calibration each data set has.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis import forecast
from alrun.analysis.curves import dataset_names
from alrun.analysis.efficiency import Curve
from alrun.analysis.metrics import ACCURACY, PLAIN

RESAMPLES = 2000
WANTED, LEAST = 0.9, 0.85  # share of outcomes in an interval: mean over data sets, and of each
REACHES = (1.25, 1.5, forecast.REACH)  # ends of the ranges that are counted by themselves
TAILS = (0.05, 0.045, 0.04, 0.035, 0.03, 0.025, 0.02, 0.015, 0.01)  # to try, on either side


class Coverage(NamedTuple):
    """How often intervals of nine in ten hold the outcome, a mean over runs with its 95 % interval."""

    share: float
    low: float
    high: float
    runs: int
    forecasts: int
    width: float  # mean width, as a share
    withheld: float  # share of the forecasts that were not given


def outcomes(rounds: pd.DataFrame, with_withheld: bool = False) -> pd.DataFrame:
    """Forecasts of all runs in a table of results, and their outcomes.

    Columns are dataset, run, reach, mean, spread, outcome, given: ``reach`` is how many times the labels of the last
    known round; the next three are of log error rates; ``given`` says whether the forecast is not withheld, or is true
    for all ``with_withheld``.
    """
    found = []
    if "dataset" in rounds:
        rounds = rounds.assign(dataset=dataset_names(rounds))
    for run, rows in rounds.groupby("run", sort=False):
        rows = rows.sort_values("round")
        whole = Curve(PLAIN.x(rows).to_numpy(float), rows[ACCURACY.column].to_numpy(float))
        dataset = str(rows["dataset"].iloc[0]) if "dataset" in rows else ""
        for count in range(forecast.LEAST, len(whole.labels)):
            known = Curve(whole.labels[:count], whole.accuracy[:count])
            later = whole.labels[count:] <= forecast.REACH * known.labels[-1]
            if not later.any() or np.isnan(whole.accuracy).any():
                continue
            ahead = whole.labels[count:][later]
            mean, spread = forecast.extrapolate(known, ahead)
            given = np.ones(len(ahead), bool) if with_withheld else is_given(known, ahead)
            came = forecast.log_error(whole.accuracy[count:][later])
            numbers = zip(ahead / known.labels[-1], mean, spread, came, given, strict=True)
            found += [(dataset, run, *each) for each in numbers]
    return pd.DataFrame(found, columns=["dataset", "run", "reach", "mean", "spread", "outcome", "given"])


def is_given(known: Curve, ahead: np.ndarray) -> np.ndarray:
    """Whether the forecast of ``known`` at ``ahead`` labels (k,) is not withheld: (k,) bool."""
    if forecast.reason_to_withhold(known):
        return np.zeros(len(ahead), bool)
    return ahead <= forecast.farthest(known)


def in_spreads(found: pd.DataFrame) -> pd.Series:
    """How far outcomes are from the middle of their forecasts, in units of the spread."""
    return (found["outcome"] - found["mean"]) / found["spread"]


def calibrate(found: pd.DataFrame) -> forecast.Factors:
    """The factors with which intervals hold nine of ten outcomes of a data set that is not among those in ``found``.

    Withheld forecasts count too, as which these are depends on the factors. The factors are quantiles of errors in
    units of the spread, as close to one another as they may be for quantiles of all data sets but one to hold nine of
    ten outcomes of that one, as a mean over data sets, and of each 85 %.
    """
    parts = dict(list(found.assign(given=True).groupby("dataset")))
    for tail in TAILS:
        shares = []
        for name, part in parts.items():
            others = [other for key, other in parts.items() if key != name]
            shares.append(coverage(part, quantiles(others, tail)).share)
        if np.mean(shares) >= WANTED and min(shares) >= LEAST:
            return quantiles([*parts.values()], tail)
    raise ValueError("errors differ so much between these data sets that no interval holds for another one")


def quantiles(parts: list[pd.DataFrame], tail: float) -> forecast.Factors:
    """Quantiles ``tail``, 1/2 and 1 - ``tail`` of errors in spreads; data sets count alike, and runs within."""
    weights = []
    for part in parts:
        sizes = part.groupby("run")["run"].transform("size").to_numpy()
        weights.append(1 / (part["run"].nunique() * sizes))
    weight, joined = np.concatenate(weights), pd.concat(parts)
    ratio = in_spreads(joined).to_numpy()
    order = np.argsort(ratio)
    total = np.cumsum(weight[order]) / weight.sum()
    low, middle, high = (float(ratio[order][np.searchsorted(total, share)]) for share in (tail, 0.5, 1 - tail))
    return low, middle, high


def coverage(
    found: pd.DataFrame, factors: forecast.Factors = (forecast.LOW, forecast.MIDDLE, forecast.HIGH)
) -> Coverage:
    """How often the intervals of the forecasts that were given hold the outcome; NaN if none was given."""
    given, (low_end, _, high_end) = found[found["given"]], factors
    by_run = in_spreads(given).between(low_end, high_end).groupby([given["dataset"], given["run"]]).mean().to_numpy()
    nothing = not len(by_run)
    draws = np.random.default_rng(0).integers(0, max(1, len(by_run)), (RESAMPLES, len(by_run)))
    low, high = (np.nan, np.nan) if nothing else np.percentile(by_run[draws].mean(1), [2.5, 97.5])
    ends = (np.exp(np.minimum(given["mean"] + factor * given["spread"], 0)) for factor in (low_end, high_end))
    width = float(-np.subtract(*ends).mean())
    mean = np.nan if nothing else by_run.mean()
    return Coverage(float(mean), float(low), float(high), len(by_run), len(given), width, 1 - len(given) / len(found))


def coverage_table(rounds: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each data set in a table of results, one for all, and one for each range of how far it reaches."""
    found = outcomes(rounds)
    parts = {str(name): part for name, part in found.groupby("dataset")} | {"all": found}
    for start, end in pairwise((1.0, *REACHES)):
        far = found[found["reach"].between(start, end, inclusive="right")]
        parts |= {f"all, {start:g} to {end:g} times the labels": far} if len(far) else {}
    rows = []
    for name, part in parts.items():
        one = coverage(part)
        rows.append(
            {
                "data set": name,
                "runs": str(one.runs),
                "forecasts": str(one.forecasts),
                "inside": f"{100 * one.share:.1f} %",
                "95 % interval": f"{100 * one.low:.1f} to {100 * one.high:.1f}",
                "mean width": f"{100 * one.width:.1f} points",
                "withheld": f"{100 * one.withheld:.0f} %",
            }
        )
    return rows
