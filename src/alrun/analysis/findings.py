"""What the numbers say, in words. Every sentence is computed; none is true of all results."""

import math

import pandas as pd

from alrun.analysis import scores
from alrun.analysis.checks import listed
from alrun.analysis.curves import REFERENCE

MOST = 6  # sentences of a kind


def findings(
    rounds: pd.DataFrame, runs: pd.DataFrame, pairs: pd.DataFrame, tests: pd.DataFrame, alpha: float
) -> list[str]:
    """Sentences on accuracy, efficiency, significance, time and classes."""
    return [
        *final(runs),
        *along_the_budget(runs, pairs, alpha),
        *efficiency(rounds),
        *significant(tests, alpha),
        *time(runs),
        *uneven(runs),
    ]


def final(runs: pd.DataFrame) -> list[str]:
    """The best and the worst curve at the end."""
    if runs["curve"].nunique() < 2:
        return []
    means = (100 * runs.set_index("curve")["final"]).groupby(level=0, sort=False).agg(["mean", "std"])
    means = means.sort_values("mean", ascending=False)
    ends = [
        f"{curve} with {with_spread(*map(float, means.loc[curve]))} %" for curve in (means.index[0], means.index[-1])
    ]
    return [f"Most accurate in the end is {ends[0]}, least {ends[1]} (mean ± standard deviation over repeats)."]


def with_spread(mean: float, std: float) -> str:
    """``90.1 ± 0.4`` or ``90.1``."""
    return f"{mean:.1f}" if math.isnan(std) else f"{mean:.1f} ± {std:.1f}"


def against_random(runs: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs of each strategy with random of its facet, as difference of the strategy from random."""
    info = runs.drop_duplicates("curve").set_index("curve")[["facet", "strategy"]]
    turned = pairs.rename(columns={"first": "second", "second": "first", "t_low": "t_high", "t_high": "t_low"})
    turned = turned.rename(columns={"bootstrap_low": "bootstrap_high", "bootstrap_high": "bootstrap_low"})
    signed = ["difference", "t_low", "t_high", "bootstrap_low", "bootstrap_high"]
    both = pd.concat([pairs, turned.assign(**{column: -turned[column] for column in signed})], ignore_index=True)
    first, second = info.loc[both["first"]].reset_index(), info.loc[both["second"]].reset_index()
    chosen = (first["facet"] == second["facet"]) & (second["strategy"] == REFERENCE) & (first["strategy"] != REFERENCE)
    return both[chosen.to_numpy()].reset_index(drop=True)


def along_the_budget(runs: pd.DataFrame, pairs: pd.DataFrame, alpha: float) -> list[str]:
    """Strategies against random, by the mean accuracy along the budget."""
    found, unclear = [], []
    for row in against_random(runs, pairs).sort_values("difference", ascending=False).to_dict("records"):
        if not row["p_holm"] < alpha:
            unclear.append(row)
            continue
        word = "better" if row["difference"] > 0 else "worse"
        found.append(
            f"Along the budget {row['first']} is {word} than {row['second']} by {abs(100 * row['difference']):.1f} "
            f"points on average ({row['repeats']} repeats, {100 * (1 - alpha):.0f} % interval {interval(row)}; "
            f"p = {row['p_holm']:.3f} after correction for {len(pairs)} comparisons)."
        )
    if unclear:
        repeats = min(row["repeats"] for row in unclear)
        needed = [row["repeats_needed"] for row in unclear if not math.isnan(row["repeats_needed"])]
        advice = (
            f" To find a true difference of one point, {max(needed):.0f} repeats would be needed at this scatter."
            if needed and max(needed) > repeats
            else ""
        )
        word = "repeat" if repeats == 1 else "repeats"
        found.append(
            f"Whether {listed([row['first'] for row in unclear[:MOST]])} differ{'s' if len(unclear) == 1 else ''} from "
            f"random along the budget, {repeats} {word} cannot tell after correction for {len(pairs)} comparisons."
            f"{advice}"
        )
    return found[: MOST + 1]


def interval(row: dict) -> str:
    """``0.4 to 1.6``, the lower end first."""
    low, high = sorted((100 * row["t_low"], 100 * row["t_high"]))
    return f"{low:.1f} to {high:.1f}"


def efficiency(rounds: pd.DataFrame) -> list[str]:
    """Labels saved at the accuracy that all runs of a facet reach."""
    found = []
    for facet, frame in rounds.groupby("facet", sort=False):
        accuracy = scores.common_accuracy(frame)
        table = scores.per_curve(scores.efficiency_at(frame, accuracy), "efficiency")
        others = table[~table.index.isin(frame.loc[frame["strategy"] == REFERENCE, "curve"])].dropna(subset="mean")
        if others.empty:
            continue
        best = str(others["mean"].idxmax())
        row = others.loc[best].to_dict()
        name = frame.loc[frame["curve"] == best, "label"].iloc[0]
        bounds = (
            "" if math.isnan(row["t_low"]) else f" (95 % interval {max(row['t_low'], 0):.2f} to {row['t_high']:.2f})"
        )
        where = f" With {facet}," if facet else ""
        subject = "the" if facet else "The"
        found.append(
            f"{where} {subject} highest accuracy that every run reaches is {100 * accuracy:.1f} %; there the labeling "
            f"efficiency of {name} is the highest, {row['mean']:.2f}{bounds}.".strip()
        )
    return found[:MOST]


def significant(tests: pd.DataFrame, alpha: float) -> list[str]:
    """How many rounds differ, and how many would by chance."""
    tested = tests[tests["p"].notna() & (tests["p"] < 1)]
    if tested.empty:
        return []
    raw, corrected = int((tested["p"] < alpha).sum()), int((tested["p_holm"] < alpha).sum())
    return [
        f"Of {len(tested)} comparisons of two curves after the same number of labels, {raw} are significant at "
        f"{alpha:g}; about {alpha * len(tested):.0f} would be by chance alone. After Holm's correction {corrected} "
        f"{'remains' if corrected == 1 else 'remain'}."
    ]


def time(runs: pd.DataFrame) -> list[str]:
    """Where the time goes."""
    table = runs.groupby("curve", sort=False)[["train_seconds", "select_seconds", "evaluate_seconds"]].mean()
    total = float(table.to_numpy().sum())
    if not total > 0:  # NaN where a table has no times
        return []
    slowest = str(table["select_seconds"].idxmax())
    share = 100 * table["select_seconds"].sum() / total
    selection, training = seconds(table["select_seconds"][slowest]), seconds(table["train_seconds"][slowest])
    return [
        f"Selection takes {share:.1f} % of the time of all runs; the slowest, {slowest}, takes "
        f"{selection} a run beside {training} of training."
    ]


def seconds(value: float) -> str:
    """A time in its unit."""
    if value >= 7200:
        return f"{value / 3600:.1f} h"
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def uneven(runs: pd.DataFrame) -> list[str]:
    """The curve with the worst class, and the most one-sided purchases."""
    means = runs.groupby("curve", sort=False)[["final", "worst_class", "class_balance"]].mean()
    if means["worst_class"].isna().all():
        return []
    gap = means["final"] - means["worst_class"]
    text = (
        f"The largest gap between the accuracy over all classes and the worst class is that of {gap.idxmax()}: "
        f"{100 * gap.max():.1f} points."
    )
    if means["class_balance"].notna().any():
        least = str(means["class_balance"].idxmin())
        text += f" The least even classes are bought by {least} (balance {means['class_balance'][least]:.2f} of 1)."
    return [text]
