"""Intervals and spreads of a mean over repeats."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

CONFIDENCE = 0.95
RESAMPLES = 9999
LEAST = 10  # values that a bootstrap interval needs

Interval = tuple[float, float]  # low, high; NaN with too few repeats


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of the mean of ``values``; NaN for fewer than two."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return math.nan, math.nan
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def bootstrap_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Percentile bootstrap interval of the mean of ``values``; NaN for fewer than ``LEAST``.

    It lies within the range of ``values``, so with few it is too narrow: with three normal values the 95 % interval is
    their range, which contains the true mean in 75 % of all cases; with five in 83 %, with ten in 90 %.
    """
    if len(values) < LEAST:
        return math.nan, math.nan
    means = resamples(len(values)) @ np.asarray(values, float)
    low, high = np.percentile(means, [50 * (1 - confidence), 50 * (1 + confidence)])
    return float(low), float(high)


@cache  # a report has thousands of intervals of a few sizes
def resamples(count: int) -> np.ndarray:
    """How often each of ``count`` values is in each resample, as shares (RESAMPLES, count); the same each time."""
    drawn = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    places = drawn + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count) / count


def spread(mean: float, std: float, digits: int) -> str:
    """``12.3 ± 0.4``; the mean alone if ``std`` is NaN, empty if ``mean`` is NaN."""
    if np.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" if np.isnan(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"


def bounds(found: pd.DataFrame, kind: str, scale: float, digits: int) -> list[str]:
    """Intervals as text; empty for NaN."""
    pairs = zip(scale * found[f"{kind}_low"], scale * found[f"{kind}_high"], strict=True)
    return ["" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]" for low, high in pairs]
