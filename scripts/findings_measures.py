"""The findings of the paper's introduction: a function for each, with its rule for a verdict."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import stats

from alrun.analysis import significance
from alrun.analysis.intervals import spread
from findings_table import ACTIVE, Table, batches, difference, efficiencies, final, mean_of, sign

LITTLE = 1.0  # percentage points that count as little


def augmentation(table: Table) -> tuple[str, str]:
    """Finding 1."""
    yes, no = table.part(), table.part(augmentation="none")
    _, low, high, text = difference(final(yes), final(no))
    ratios = [efficiencies(part).query("strategy in @ACTIVE")["efficiency"] for part in (yes, no)]
    texts = [spread(float(each.mean()), float(each.std()), 2) for each in ratios]
    higher = ratios[0].mean() > ratios[1].mean()
    verdict = sign(low, high) if higher or low <= 0 else "agrees for accuracy, not for efficiency"
    return (
        f"final accuracy {text}; efficiency of entropy and BADGE {texts[0]} with, {texts[1]} without",
        f"{verdict} (accuracy: interval above 0; efficiency: larger mean)",
    )


def augmentation_longer(table: Table) -> tuple[str, str]:
    """Finding 1 with more epochs, accuracy alone."""
    longer, strategies = table.longer(), ["random"]
    yes, no = longer.part(strategies), longer.part(strategies, augmentation="none")
    _, low, high, text = difference(final(yes), final(no))
    epochs = [int(each.base["training.max_epochs"]) for each in (table, longer)]
    learned = [100 * each.loc[each["round"] == each["round"].max(), "train_accuracy"].mean() for each in (yes, no)]
    return (
        f"{epochs[1]} epochs instead of {epochs[0]}, random sampling: final accuracy {text}; training accuracy "
        f"{learned[0]:.0f} % with and {learned[1]:.0f} % without",
        f"{sign(low, high)} (interval above 0)",
    )


def optimizer(table: Table) -> tuple[str, str]:
    """Finding 2."""
    _, low, high, text = difference(final(table.part()), final(table.part(optimizer="adam")))
    return f"final accuracy of SGD less that of Adam {text}", f"{sign(low, high)} (interval above 0)"


def badge_over_entropy(part: pd.DataFrame) -> pd.Series:
    """BADGE's mean accuracy over all rounds less entropy's, by seed."""
    accuracy = mean_of(part)
    return accuracy["badge"] - accuracy["entropy"]


def diversity(table: Table) -> tuple[str, str]:
    """Finding 3."""
    gaps = badge_over_entropy(table.part())
    _, low, _, text = difference(gaps, 0 * gaps)
    verdict = "disagrees" if low > 0 else "agrees"
    return f"mean accuracy of BADGE less that of entropy {text}", f"{verdict} (interval not above 0)"


def redundancy(table: Table, kind: str) -> tuple[str, str]:
    """Finding 4."""
    part = table.part(redundancy=kind, budget__batch_size=None)
    gaps = {int(str(factor)): badge_over_entropy(frame) for factor, frame in part.groupby("redundancy.factor")}
    gaps = dict(sorted(gaps.items()))
    texts = [f"×{factor}: {difference(each, 0 * each)[3]}" for factor, each in gaps.items()]
    trend = rising([(math.log(factor), gap) for factor, each in gaps.items() for gap in each])
    _, low, high, _ = difference(gaps[max(gaps)], 0 * gaps[max(gaps)])
    verdict = sign(low, high) if trend[0] > 0 or low <= 0 else "agrees that BADGE is better, not that it grows"
    return (
        f"mean accuracy of BADGE less that of entropy {', '.join(texts)}; "
        f"{trend[0]:+.2f} for each e-fold of redundancy (p = {trend[1]:.2f})",
        f"{verdict} (interval above 0 at the most redundant, rising)",
    )


def rising(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Slope of the line through ``points`` and its two-sided p."""
    x, y = zip(*points, strict=True)
    line: Any = stats.linregress(x, y)
    return float(line.slope), float(line.pvalue)


def per_class(table: Table, dataset: str) -> tuple[str, str]:
    """Finding 5."""
    part = table.part(
        dataset=dataset, per_class_cap=["c1000", "c2000", "c3000"], seed_set=None, budget__batch_size=None
    )
    active = efficiencies(part).query("strategy in @ACTIVE")
    limit = part.drop_duplicates("run").set_index("run")["per_class_cap.limit"].astype(int)
    active = active.assign(limit=active["run"].map(limit)).dropna(subset="efficiency")
    means = active.groupby("limit")["efficiency"].agg(["mean", "std"])
    texts = [
        f"{limit}: {spread(mean, std, 2)}" for limit, (mean, std) in zip(means.index, means.to_numpy(), strict=True)
    ]
    slope, p = rising(list(zip(active["limit"].astype(float) / max(limit), active["efficiency"], strict=True)))
    verdict = ("agrees" if slope > 0 else "disagrees") if p < significance.ALPHA else "undecided"
    return (
        f"efficiency of entropy and BADGE by examples of a class, {', '.join(texts)} (slope p = {p:.2f})",
        f"{verdict} (significant slope upwards)",
    )


def seed_set(table: Table) -> tuple[str, str]:
    """Finding 6."""
    chosen = table.part(seed_set=["facility_location", "facility_location_pixels"])
    half = int(chosen["round"].max()) // 2 + 1
    mean, _, _, text = difference(mean_of(chosen, half), mean_of(table.part(), half))
    verdict = "agrees" if abs(mean) < LITTLE else "disagrees"
    return (
        f"accuracy in the later half of the rounds, facility location less random, {text}",
        f"{verdict} (less than {LITTLE:g} point)",
    )


def batch_size(table: Table) -> tuple[str, str]:
    """Finding 6."""
    part = batches(table)
    part = part[part["round"] > 0]
    means = {number: mean_of(part[part["budget.batch_size"] == size]) for number, size in table.batch.items()}
    gaps = {number: difference(means[number], means[3000]) for number in (1000, 6000)}
    verdict = "agrees" if all(abs(gap[0]) < LITTLE for gap in gaps.values()) else "disagrees"
    texts = [f"of {number} less that of 3,000 {gap[3]}" for number, gap in gaps.items()]
    return (
        f"accuracy at common numbers of labels, AL batches {', '.join(texts)} (the paper's numbers, scaled)",
        f"{verdict} (less than {LITTLE:g} point)",
    )


def update_longer(table: Table) -> tuple[str, str]:
    """Finding 7 with more epochs."""
    longer = table.longer()
    text, verdict = update(longer, ["random"])
    return f"{longer.base['training.max_epochs']} epochs, random sampling: {text}", verdict


def update(table: Table, strategies: Sequence[str] = ("random", *ACTIVE)) -> tuple[str, str]:
    """Finding 7."""
    kept, renewed = table.part(strategies, training__reset="false"), table.part(strategies)
    half = int(kept["round"].max()) // 2
    _, low, _, early = difference(mean_of(renewed, 1, half), mean_of(kept, 1, half))
    _, late_low, late_high, late = difference(mean_of(renewed, half + 1), mean_of(kept, half + 1))
    verdict = "agrees" if low > 0 and late_low <= 0 <= late_high else "disagrees"
    return (
        f"accuracy with reset less that with update {early} in rounds 1 to {half}, {late} later",
        f"{verdict} (above 0 early, interval with 0 later)",
    )


def time(table: Table) -> tuple[str, str]:
    """Finding 8, where the time goes."""
    part = table.part()
    sums = part.groupby("strategy")[["train_seconds", "select_seconds", "evaluate_seconds"]].sum()
    shares = 100 * sums["train_seconds"] / sums.sum(axis=1)
    texts = [f"{strategy} {share:.0f} %" for strategy, share in shares.items()]
    verdict = "agrees" if shares.min() > 50 else "disagrees"
    return f"share of training: {', '.join(texts)}", f"{verdict} (more than half for each)"


def subsets(table: Table) -> tuple[str, str]:
    """Finding 8, data subset selection."""
    whole, some = table.part(), table.part(dss="grad_match")
    inner = (some["round"] % 3 != 0) & (some["round"] != some["round"].max())  # the others train on everything
    seconds = [part[part["round"].isin(some[inner]["round"].unique())]["train_seconds"].sum() for part in (whole, some)]
    mean, _, _, text = difference(final(some), final(whole))
    ratio = seconds[0] / seconds[1]
    verdict = "agrees" if ratio > 2 and mean > -LITTLE else "disagrees"
    return (
        f"rounds with GRAD-MATCH train {ratio:.1f} times as fast; final accuracy {text}",
        f"{verdict} (more than twice as fast, loss below {LITTLE:g} point)",
    )
