"""Tests of whether differences between curves are more than chance. Pairs are runs of two curves with one seed."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from alrun.analysis.curves import REFERENCE, paired, wide
from alrun.analysis.intervals import bootstrap_interval, t_interval
from alrun.analysis.metrics import ACCURACY, Metric

Pairs = Iterable[tuple[str, str]]  # names of curves

ALPHA = 0.05
POWER = 0.8
PAIRS = 1000  # of curves: up to this many, all are compared
PAIR_COLUMNS = ["first", "second", "repeats", "difference", "t_low", "t_high", "bootstrap_low", "bootstrap_high"]
PAIR_COLUMNS += ["p", "p_holm", "p_wilcoxon", "p_equivalence", "repeats_needed", "repeats_seen"]


def t_test(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean difference and two-sided p of the paired t-test over axis 0 (repeats).

    p is NaN, not tested, with one repeat or if the differences have no scatter: t then divides by 0. That is so by
    construction in a first round that all repeats share (one model per setting: p = 0 would claim certainty from a
    single observation) or that both curves share (the difference is 0 in each pair).
    """
    from scipy.special import stdtr  # Student's distribution; scipy.stats takes a hundred times as long

    difference = first - second
    mean, count = difference.mean(0), len(difference)
    if count < 2:
        return mean, np.full_like(mean, math.nan)
    error = difference.std(0, ddof=1) / math.sqrt(count)
    with np.errstate(all="ignore"):  # division by 0 without scatter
        p = 2 * stdtr(count - 1, -np.abs(mean) / error)
    return mean, np.where(has_scatter(difference), p, math.nan)


def has_scatter(difference: np.ndarray) -> np.ndarray:
    """Whether differences (repeats first) differ; accuracies are counts of test examples, so tiny gaps are rounding."""
    return np.ptp(difference, axis=0) > 1e-12


def equivalence(differences: np.ndarray, margin: float) -> float:
    """P of two one-sided t-tests (TOST) that the true mean of ``differences`` lies within ±``margin``.

    It is below alpha if the 1 - 2 alpha interval lies within the margin. That shows "no effect"; a large p of the
    t-test does not. NaN without scatter. Source: Schuirmann 1987.
    """
    from scipy.special import stdtr

    if len(differences) < 2 or not has_scatter(differences):
        return math.nan
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(stdtr(len(differences) - 1, (abs(differences.mean()) - margin) / error))


def by_chance(count: int, tests: int, alpha: float = ALPHA, cells: int = 1) -> float:
    """Chance that the largest of ``cells`` cells of a penalty matrix has ``count`` or more of ``tests`` rounds.

    It assumes that both curves are alike and that rounds are independent; then a test is significant in the direction
    of the cell with probability alpha / 2.
    """
    from scipy import stats

    one = float(stats.binom.sf(count - 1, tests, alpha / 2))
    return 1 - (1 - one) ** cells


def all_pairs(rounds: pd.DataFrame) -> tuple[list[tuple[str, str]], str]:
    """The pairs of curves to compare, and a description: their number grows with the square of the curves.

    Up to ``PAIRS`` all of them; otherwise those within a setting; if these are too many, those with random sampling.
    """
    curves = rounds.drop_duplicates("curve")
    if math.comb(len(curves), 2) <= PAIRS:
        return list(itertools.combinations(map(str, curves["curve"]), 2)), "all pairs of curves"
    settings = [frame for _, frame in curves.groupby("facet", sort=False)]
    if sum(math.comb(len(frame), 2) for frame in settings) <= PAIRS:
        pairs = [pair for frame in settings for pair in itertools.combinations(map(str, frame["curve"]), 2)]
        return pairs, "the pairs of curves that have one setting"
    references = {str(row.facet): str(row.curve) for row in curves.itertuples() if row.strategy == REFERENCE}
    pairs = [
        (references[str(row.facet)], str(row.curve))
        for row in curves.itertuples()
        if str(row.facet) in references and row.strategy != REFERENCE
    ]
    return pairs, "the pairs with random sampling of the same setting"


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


def round_tests(rounds: pd.DataFrame, pairs: Pairs | None = None, metric: Metric = ACCURACY) -> pd.DataFrame:
    """A row per pair of curves and number of labels that both have: first, second, labeled, difference, p, p_holm.

    Labels are answers that were paid for. ``pairs`` of curves are compared, by default all.
    """
    if pairs is None:
        pairs = itertools.combinations(map(str, rounds["curve"].unique()), 2)
    pairs, frames = list(pairs), []
    tables = wide(rounds, metric.column, list({curve for pair in pairs for curve in pair}))
    for one, other in pairs:
        a, b = paired(tables[one], tables[other])
        if a.empty:
            continue
        difference, p = t_tests_by_round(a.to_numpy(), b.to_numpy())
        frames.append(
            pd.DataFrame({"first": one, "second": other, "labeled": a.columns, "difference": difference, "p": p})
        )
    if not frames:
        return pd.DataFrame(columns=["first", "second", "labeled", "difference", "p", "p_holm"])
    tests = pd.concat(frames, ignore_index=True)
    return tests.assign(p_holm=holm(tests["p"].to_numpy()))


def t_tests_by_round(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences and p of paired t-tests of the columns of two tables (seeds, rounds); of the seeds that both have."""
    difference, p = t_test(first, second)
    lacking = np.isnan(first) | np.isnan(second)
    for column in np.flatnonzero(lacking.any(0) & ~lacking.all(0)):
        there = ~lacking[:, column]
        difference[column], p[column] = t_test(first[there, column], second[there, column])
    return difference, p


def penalty_matrix(
    tests: pd.DataFrame,
    curves: list[str],
    alpha: float = ALPHA,
    p: str = "p",
    rounds: slice = slice(None),
    better: int = 1,
) -> pd.DataFrame:
    """Cell (i, j): the share of the rounds of both in which curve i is significantly better than curve j.

    ``tests`` are those of ``round_tests``; ``p="p_holm"`` counts what is left after the correction. ``rounds`` of each
    pair are counted, by their numbers of labels: ``slice(0, 4)`` the first four. ``better`` is -1 where lower values
    are better. Rounds that were not tested count as rounds; the cell is NaN if none was. Source: Ash et al. 2020;
    Appendix G of the paper.
    """
    matrix = pd.DataFrame(math.nan, curves, curves)
    for curve in curves:
        matrix.loc[curve, curve] = 0.0
    for (one, other), frame in tests.sort_values("labeled", kind="stable").groupby(["first", "second"], sort=False):
        frame = frame.iloc[rounds]
        if frame["p"].isna().all():
            continue
        significant = frame[p] < alpha
        matrix.loc[one, other] = (significant & (better * frame["difference"] > 0)).mean()
        matrix.loc[other, one] = (significant & (better * frame["difference"] < 0)).mean()
    return matrix


def compare(
    runs: pd.DataFrame, measure: str, alpha: float = ALPHA, difference: float = 0.01, pairs: Pairs | None = None
) -> pd.DataFrame:
    """How the runs' ``measure`` (a column of scores.per_run) differs over common seeds, a row per pair of curves.

    ``pairs`` of curves are compared, by default all; not those of settings that cover other ranges of labels, whose
    areas are of other parts of the curves.

    Columns: ``difference`` (mean), its t and bootstrap intervals, p of the t-test (``p``, and ``p_holm`` over all
    pairs) and of Wilcoxon's signed ranks (``p_wilcoxon``), p that they are alike to within ``difference``
    (``p_equivalence``), and ``repeats_needed`` to find a true ``difference`` with
    a power of 0.8 at ``alpha``, if repeats scatter as they do here; ``repeats_seen`` if the observed one is true.
    """
    rows = []
    values = {str(name): frame.set_index("seed")[measure].dropna() for name, frame in runs.groupby("curve", sort=False)}
    covered = runs.drop_duplicates("curve").set_index("curve")[["low", "high"]].agg(tuple, axis="columns")
    for one, other in itertools.combinations(values, 2) if pairs is None else pairs:
        seeds = values[one].index.intersection(values[other].index)
        if seeds.empty or covered[one] != covered[other]:
            continue
        a, b = values[one][seeds].to_numpy(float), values[other][seeds].to_numpy(float)
        mean, p = t_test(a, b)
        std = float(np.std(a - b, ddof=1)) if len(seeds) > 1 else math.nan
        student = t_interval((a - b).tolist(), 1 - alpha)
        bootstrap = bootstrap_interval((a - b).tolist(), 1 - alpha)
        tests = float(p), math.nan, wilcoxon(a - b), equivalence(a - b, difference)
        needed = [repeats_needed(size, std, alpha) for size in (difference, abs(float(mean)))]
        rows.append((one, other, len(seeds), float(mean), *student, *bootstrap, *tests, *needed))
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def wilcoxon(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact up to 50 repeats also with ties; NaN if nothing differs.

    Differences of 0 are left out. With n repeats it cannot be below ``least_wilcoxon(n)``.
    """
    from scipy import stats

    found = np.round(differences, 12)  # equal ones may have other round-off
    found = found[found != 0]
    if len(differences) < 2 or not len(found):
        return math.nan
    if len(found) > 50:
        result: Any = stats.wilcoxon(found)
        return float(result.pvalue)
    doubled = np.rint(2 * stats.rankdata(np.abs(found))).astype(int)  # ties share the mean of their ranks
    ways = np.zeros(doubled.sum() + 1)  # of all signs, by the sum of the ranks above 0; scipy's are for no ties
    ways[0] = 1
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    above = doubled[found > 0].sum()
    return min(1.0, 2 * min(ways[: above + 1].sum(), ways[above:].sum()) / ways.sum())


def least_wilcoxon(repeats: int) -> float:
    """The smallest p that Wilcoxon's test can give, all differences having one sign: 0.25 for three, 0.03 for six."""
    return 2.0 ** (1 - repeats)


def repeats_needed(difference: float, std: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Pairs of repeats with which the two-sided paired t-test finds a true ``difference`` with probability ``power``.

    ``std`` is the standard deviation of the paired differences. NaN if it is unknown or 0, and for a difference of 0.
    """
    from scipy.special import nctdtr, stdtrit

    if math.isnan(std) or std <= 1e-12 or difference < 1e-12:
        return math.nan  # no scatter was seen: its size is unknown
    effect = difference / std

    def is_enough(count: int) -> bool:
        critical, center = stdtrit(count - 1, 1 - alpha / 2), effect * math.sqrt(count)
        # Chances of no significance upwards, and downwards (by symmetry); scipy gives NaN next to 0 and to 1.
        upwards = np.nan_to_num(nctdtr(count - 1, center, critical), nan=0.0)
        downwards = np.nan_to_num(nctdtr(count - 1, -center, critical), nan=1.0)
        return (1 - upwards) + (1 - downwards) >= power

    high = 2
    while not is_enough(high):
        high *= 2
    low = high // 2  # not enough, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return float(high)
