"""Are forecasts right? The factors that widen them, from some runs, and how often intervals hold what came, on others.

Each round of a finished run from the fifth on forecasts the rounds after it. Rounds of one run are not independent, so
runs are what counts: each has the same weight, and in calibration each data set has.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis import forecast
from alrun.analysis.efficiency import Curve
from alrun.analysis.metrics import ACCURACY, PLAIN

RESAMPLES = 2000
WANTED = 0.9  # share of outcomes in an interval
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


def outcomes(rounds: pd.DataFrame) -> pd.DataFrame:
    """Forecasts of all runs in a table of results and what came: columns dataset, run, mean, spread, outcome, given.

    The first three numbers are of log error rates; ``given`` says whether the forecast is not withheld.
    """
    found = []
    for run, rows in rounds.groupby("run", sort=False):
        rows = rows.sort_values("round")
        whole = Curve(PLAIN.x(rows).to_numpy(float), rows[ACCURACY.column].to_numpy(float))
        dataset = str(rows["dataset"].iloc[0]) if "dataset" in rows else ""
        for count in range(forecast.LEAST, len(whole.labels)):
            known = Curve(whole.labels[:count], whole.accuracy[:count])
            later = whole.labels[count:] <= forecast.REACH * known.labels[-1]
            if not later.any() or np.isnan(whole.accuracy).any():
                continue
            mean, spread = forecast.extrapolate(known, whole.labels[count:][later])
            given = forecast.reason_to_withhold(known) is None
            came = forecast.log_error(whole.accuracy[count:][later])
            found += [(dataset, run, *each, given) for each in zip(mean, spread, came, strict=True)]
    return pd.DataFrame(found, columns=["dataset", "run", "mean", "spread", "outcome", "given"])


def in_spreads(found: pd.DataFrame) -> pd.Series:
    """How far outcomes are from the middle of their forecasts, in units of the spread."""
    return (found["outcome"] - found["mean"]) / found["spread"]


def calibrate(found: pd.DataFrame) -> forecast.Factors:
    """The factors with which intervals hold nine of ten outcomes of a data set that is not among those in ``found``.

    These are quantiles of errors in units of the spread, as close to one another as they may be for quantiles of all
    data sets but one to hold, on average, nine of ten outcomes of that one.
    """
    # All of them: which forecasts are given depends on the factors.
    parts = dict(list(found.assign(given=True).groupby("dataset")))
    for tail in TAILS:
        shares = []
        for name, part in parts.items():
            others = [other for key, other in parts.items() if key != name]
            shares.append(coverage(part, quantiles(others, tail)).share)
        if np.mean(shares) >= WANTED:
            return quantiles([*parts.values()], tail)
    raise ValueError("errors differ so much between these data sets that no interval holds for another one")


def quantiles(parts: list[pd.DataFrame], tail: float) -> forecast.Factors:
    """Quantiles ``tail`` and 1 - ``tail`` of errors in units of the spread; data sets count alike, and runs within."""
    weights = []
    for part in parts:
        sizes = part.groupby("run")["run"].transform("size").to_numpy()
        weights.append(1 / (part["run"].nunique() * sizes))
    weight, joined = np.concatenate(weights), pd.concat(parts)
    ratio = in_spreads(joined).to_numpy()
    order = np.argsort(ratio)
    total = np.cumsum(weight[order]) / weight.sum()
    low, high = (float(ratio[order][np.searchsorted(total, share)]) for share in (tail, 1 - tail))
    return low, high


def coverage(found: pd.DataFrame, factors: forecast.Factors = (forecast.LOW, forecast.HIGH)) -> Coverage:
    """How often the intervals of the forecasts that were given hold the outcome; NaN if none was given."""
    given = found[found["given"]]
    by_run = in_spreads(given).between(*factors).groupby([given["dataset"], given["run"]]).mean().to_numpy()
    nothing = not len(by_run)
    draws = np.random.default_rng(0).integers(0, max(1, len(by_run)), (RESAMPLES, len(by_run)))
    low, high = (np.nan, np.nan) if nothing else np.percentile(by_run[draws].mean(1), [2.5, 97.5])
    ends = (np.exp(np.minimum(given["mean"] + factor * given["spread"], 0)) for factor in factors)
    width = float(-np.subtract(*ends).mean())
    mean = np.nan if nothing else by_run.mean()
    return Coverage(float(mean), float(low), float(high), len(by_run), len(given), width, 1 - len(given) / len(found))


def coverage_table(rounds: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each data set in a table of results, and one for all."""
    found = outcomes(rounds)
    parts = {str(name): part for name, part in found.groupby("dataset")} | {"all": found}
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
