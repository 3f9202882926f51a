"""How sure a mean over repeats is."""

import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 9999

Interval = tuple[float, float]  # low, high; NaN where there are too few repeats


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of the mean of ``values``; NaN for fewer than two."""
    from scipy import stats

    if len(values) < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def bootstrap_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Percentile bootstrap interval of the mean of ``values``; NaN for fewer than two.

    It lies within the range of ``values``, so with few repeats it is too narrow: of three, only ten different
    resamples exist.
    """
    from scipy import stats

    if len(values) < 2:
        return math.nan, math.nan
    found = stats.bootstrap(
        (np.asarray(values, float),),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),  # the same table each time
    ).confidence_interval
    return float(found.low), float(found.high)


def spread(mean: float, std: float, digits: int) -> str:
    """``12.3 ± 0.4``; without the spread where there is only one repeat, empty where there is none."""
    if np.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" if np.isnan(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"
