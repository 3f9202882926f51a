"""Strategies over several data sets: mean ranks, Friedman's test, and the critical difference of ranks.

Source: Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006.
"""

import math

import numpy as np
import pandas as pd


def score_table(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean ``measure``: a row per data set, a column per strategy that was run in all settings of all of them.

    ``runs`` is the table of scores.per_run with a column ``dataset``. Each setting counts once: a strategy that is
    missing in one would have a mean over other budgets.
    """
    settings = runs.pivot_table(measure, ["dataset", "facet"], "label", sort=False).dropna(axis="columns")
    return settings.groupby(level="dataset", sort=False).mean()


def mean_ranks(scores: pd.DataFrame, better: int = 1) -> pd.Series:
    """Mean rank of each column over the rows; 1 is the best score, ties share their ranks.

    The highest score is the best, or the lowest if ``better`` is -1.
    """
    return scores.rank(axis="columns", ascending=better < 0).mean()


def friedman(scores: pd.DataFrame) -> float:
    """P value of Friedman's test that all columns are alike; NaN for fewer than three columns or two rows."""
    from scipy import stats

    if len(scores.columns) < 3 or len(scores) < 2:
        return math.nan
    return float(stats.friedmanchisquare(*(scores[column] for column in scores)).pvalue)


def critical_difference(strategies: int, datasets: int, alpha: float = 0.05) -> float:
    """Difference of mean ranks from which Nemenyi's test calls two strategies different."""
    from scipy import stats

    quantile = stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(strategies * (strategies + 1) / (6 * datasets)))


def nemenyi(scores: pd.DataFrame) -> pd.DataFrame:
    """Nemenyi's p for every pair of columns."""
    import scikit_posthocs

    return scikit_posthocs.posthoc_nemenyi_friedman(scores)
