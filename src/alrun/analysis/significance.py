"""Which differences between curves are more than chance. Pairs are runs of two curves with the same seed."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd

from alrun.analysis.curves import paired, wide
from alrun.analysis.intervals import bootstrap_interval, t_interval

ALPHA = 0.05
POWER = 0.8
PAIR_COLUMNS = ["first", "second", "repeats", "difference", "t_low", "t_high", "bootstrap_low", "bootstrap_high"]
PAIR_COLUMNS += ["p", "p_holm", "p_wilcoxon", "repeats_needed", "repeats_seen"]


def t_test(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean difference and two-sided p of the paired t-test over axis 0 (repeats).

    Equal values in all repeats, as in the first round that all share, have t = 0/0: no difference, p = 1. A difference
    that is the same in all repeats has p = 0. With one repeat there is no test: p is NaN.
    """
    from scipy import stats

    difference = first - second
    mean = difference.mean(0)
    if len(difference) < 2:
        return mean, np.full_like(mean, math.nan)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # repeats that are equal: both cases above
        p = np.asarray(stats.ttest_rel(first, second, axis=0).pvalue)
    same = np.ptp(difference, axis=0) <= 1e-12  # accuracies are counts of test examples by their number
    return mean, np.where(same, np.where(np.abs(mean) <= 1e-12, 1.0, 0.0), p)


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p for the number of tests, so that the chance of any false positive stays below the level; NaN stays.

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    from statsmodels.stats.multitest import multipletests

    adjusted = np.full_like(p, math.nan)
    tested = ~np.isnan(p)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method="holm")[1]
    return adjusted


def round_tests(rounds: pd.DataFrame) -> pd.DataFrame:
    """A row per pair of curves and number of labels that both have: first, second, labeled, difference, p, p_holm."""
    tables = wide(rounds, "test_accuracy")
    frames = []
    for one, other in itertools.combinations(tables, 2):
        a, b = paired(tables[one], tables[other])
        if a.empty:
            continue
        difference, p = t_test(a.to_numpy(), b.to_numpy())
        frames.append(
            pd.DataFrame({"first": one, "second": other, "labeled": a.columns, "difference": difference, "p": p})
        )
    if not frames:
        return pd.DataFrame(columns=["first", "second", "labeled", "difference", "p", "p_holm"])
    tests = pd.concat(frames, ignore_index=True)
    return tests.assign(p_holm=holm(tests["p"].to_numpy()))


def penalty_matrix(tests: pd.DataFrame, curves: list[str], alpha: float = ALPHA, p: str = "p") -> pd.DataFrame:
    """Cell (i, j): the share of the rounds of both in which curve i is significantly better than curve j.

    ``tests`` are those of ``round_tests``; ``p="p_holm"`` counts what is left after the correction. NaN where two
    curves have no round or only one repeat in common. Source: Ash et al. 2020; Appendix G of the paper.
    """
    matrix = pd.DataFrame(math.nan, curves, curves)
    for curve in curves:
        matrix.loc[curve, curve] = 0.0
    for (one, other), frame in tests.groupby(["first", "second"], sort=False):
        if frame["p"].isna().all():
            continue
        significant = frame[p] < alpha
        matrix.loc[one, other] = (significant & (frame["difference"] > 0)).mean()
        matrix.loc[other, one] = (significant & (frame["difference"] < 0)).mean()
    return matrix


def compare(runs: pd.DataFrame, measure: str, alpha: float = ALPHA, difference: float = 0.01) -> pd.DataFrame:
    """How the runs' ``measure`` (a column of scores.per_run) differs over common seeds, a row per pair of curves.

    Columns: ``difference`` (mean), its t and bootstrap intervals, p of the t-test (``p``, and ``p_holm`` over all
    pairs) and of Wilcoxon's signed ranks (``p_wilcoxon``), and ``repeats_needed`` to find a true ``difference`` with
    a power of 0.8 at ``alpha``, if repeats scatter as they do here; ``repeats_seen`` if the true one is that seen here.
    """
    rows = []
    values = {str(name): frame.set_index("seed")[measure].dropna() for name, frame in runs.groupby("curve", sort=False)}
    for one, other in itertools.combinations(values, 2):
        seeds = values[one].index.intersection(values[other].index)
        if seeds.empty:
            continue
        a, b = values[one][seeds].to_numpy(float), values[other][seeds].to_numpy(float)
        mean, p = t_test(a, b)
        std = float(np.std(a - b, ddof=1)) if len(seeds) > 1 else math.nan
        student = t_interval((a - b).tolist(), 1 - alpha)
        bootstrap = bootstrap_interval((a - b).tolist(), 1 - alpha)
        tests = float(p), math.nan, wilcoxon(a - b)
        needed = [repeats_needed(size, std, alpha) for size in (difference, abs(float(mean)))]
        rows.append((one, other, len(seeds), float(mean), *student, *bootstrap, *tests, *needed))
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def wilcoxon(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact for the few repeats of a run; 1 for no difference at all.

    Of n repeats it cannot be below ``least_wilcoxon(n)``.
    """
    from scipy import stats

    if len(differences) < 2:
        return math.nan
    if not differences.any():
        return 1.0
    result: Any = stats.wilcoxon(differences, method="exact" if len(differences) <= 50 else "auto")
    return float(result.pvalue)


def least_wilcoxon(repeats: int) -> float:
    """The smallest p that Wilcoxon's test can give, all differences having one sign: 0.25 for three, 0.03 for six."""
    return 2.0 ** (1 - repeats)


def repeats_needed(difference: float, std: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Pairs of repeats with which the two-sided paired t-test finds a true ``difference`` with probability ``power``.

    ``std`` is the standard deviation of the paired differences. NaN where it is unknown, and for no difference.
    """
    from statsmodels.stats.power import TTestPower

    if math.isnan(std) or difference < 1e-12:
        return math.nan
    if std <= 0:
        return 2.0  # a difference without scatter shows at once; two repeats are needed to see that there is none
    test = TTestPower()
    count = 2  # solve_power fails where two are more than enough
    while test.power(difference / std, count, alpha, alternative="two-sided") < power:
        if count >= 8:
            return float(math.ceil(test.solve_power(difference / std, alpha=alpha, power=power)))
        count += 1
    return float(count)
