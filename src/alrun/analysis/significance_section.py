"""The section of a report on significance: the penalty matrix, and comparisons of pairs of curves."""

import math
from typing import NamedTuple

import pandas as pd

from alrun.analysis import comparability, figures, findings, significance
from alrun.analysis.intervals import bounds
from alrun.analysis.metrics import Metric
from alrun.analysis.page import Section

UNITS = {"%": "percentage points", "": "its own unit"}  # of differences; others have their names
MANY = 12  # curves; with more, the table lists only pairs with random


class Comparisons(NamedTuple):
    """Comparisons of curves."""

    pairs: pd.DataFrame  # of their areas, from significance.compare
    tests: pd.DataFrame  # of their rounds, from significance.round_tests
    which: str  # the compared pairs, in words


def significance_section(
    named: pd.DataFrame, runs: pd.DataFrame, compared: Comparisons, metric: Metric, alpha: float, difference: float
) -> Section:
    """The section on significance: the penalty matrix and comparisons of pairs."""
    pairs, tests, which = compared
    margin = metric.difference_in_words(difference)
    curves = list(named["curve"].unique())
    images, unshown = {}, {}
    if math.comb(len(curves), 2) <= significance.PAIRS:
        matrix = significance.penalty_matrix(tests, curves, alpha, better=metric.better)
        unshown["penalty matrix"] = matrix.reset_index(names="better").round(3)
        if len(curves) <= figures.LEGIBLE:
            title = "share of rounds in which\nthe row beats the column"
            images["penalty matrix"] = figures.matrix(matrix, title)
    against = findings.against_random(runs, pairs)
    if against["t_low"].notna().any() and len(against) <= figures.ROWS:
        xlabel = f"AUBC difference ({metric.points})" if metric.points else "AUBC difference"
        images["difference from random"] = figures.differences(against, "random", xlabel, metric.scale)
    if len(curves) > MANY:
        pairs = against
    text = (
        "The penalty matrix gives the share of rounds in which a paired t-test over the repeats is significant at "
        f"{alpha:g}, without correction. Rounds without scatter, such as a shared first round, are not tested. "
        f"Compared are {which}. The table compares the AUBC of two curves that cover the same range of labels, over "
        "the seeds that both have: the "
        f"difference in {UNITS.get(metric.unit, metric.unit)} with its intervals by Student's t and by bootstrap; p of "
        "the t-test, and "
        "p_holm after Holm's correction for all pairs; p_wilcoxon of the signed ranks; p_equivalence of two one-sided "
        f"t-tests for a difference within {margin}. The last columns are the repeats "
        f"needed, with a power of {significance.POWER:g} at this scatter, to find a true difference of "
        f"{margin}, and one as large as the observed one. With few repeats, p values and "
        "bootstrap intervals are unreliable: see the findings."
    )
    text = " ".join([text, *comparability.one_start(named.drop_duplicates("run"))])
    table = pd.DataFrame(
        {
            "first": pairs["first"],
            "second": pairs["second"],
            "repeats": pairs["repeats"],
            "difference": [f"{metric.scale * value:+.{metric.digits + 1}f}" for value in pairs["difference"]],
            "t interval": bounds(pairs, "t", metric.scale, metric.digits + 1),
            "bootstrap": bounds(pairs, "bootstrap", metric.scale, metric.digits + 1),
            **{
                name: [probability(value) for value in pairs[name]]
                for name in ("p", "p_holm", "p_wilcoxon", "p_equivalence")
            },
            f"repeats for {margin}": [repeats_as_text(value) for value in pairs["repeats_needed"]],
            "for this": [repeats_as_text(value) for value in pairs["repeats_seen"]],
        }
    )
    if pairs["bootstrap_low"].isna().all():
        table = table.drop(columns="bootstrap")
    return Section("Significance", text, images, {"comparisons": table}, unshown)


def repeats_as_text(value: float) -> str:
    """A number of repeats as text; empty for NaN."""
    return "" if math.isnan(value) else findings.repeats_in_words(value)


def probability(value: float) -> str:
    """A p value as text, never 0; empty for NaN."""
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
