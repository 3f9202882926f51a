"""The findings of the paper's introduction: a function for each, with its rule for a verdict (findings_rules)."""

import numpy as np
import pandas as pd

from docs.generate.findings_rules import (
    AGREES,
    DISAGREES,
    LITTLE,
    UNDECIDED,
    above,
    all_of,
    below,
    enough,
    estimate,
    gaps,
    none,
    slopes,
)
from docs.generate.findings_table import ACTIVE, Table, batches, efficiency, final, mean_of


def augmentation(table: Table) -> tuple[str, str]:
    """Finding 1: with and without augmentation."""
    yes, no = table.part(), table.part(augmentation="none")
    accuracy = gaps(final(yes), final(no))
    saved = gaps(*(efficiency(part).loc[list(ACTIVE)] for part in (yes, no)))
    return (
        f"with minus without: final accuracy {estimate(accuracy)}; "
        f"efficiency of entropy and BADGE {estimate(saved, 2)}",
        f"{all_of(above(accuracy), above(saved))} (both intervals above 0)",
    )


def optimizer(table: Table) -> tuple[str, str]:
    """Finding 2: SGD and Adam."""
    found = gaps(final(table.part()), final(table.part(optimizer="adam")))
    return f"final accuracy of SGD minus that of Adam {estimate(found)}", f"{above(found)} (interval above 0)"


def badge_over_entropy(part: pd.DataFrame) -> np.ndarray:
    """BADGE's mean accuracy over all rounds minus entropy's, (seeds,)."""
    accuracy = mean_of(part)
    return enough((accuracy["badge"] - accuracy["entropy"]).dropna().to_numpy(float))


def diversity(table: Table) -> tuple[str, str]:
    """Finding 3: BADGE and entropy."""
    found = badge_over_entropy(table.part())
    return (
        f"mean accuracy of BADGE minus that of entropy {estimate(found)}",
        f"{below(found)} (less than {LITTLE:g} point above by a one-sided test)",
    )


def redundancy(table: Table, kind: str) -> tuple[str, str]:
    """Finding 4: BADGE and entropy in a redundant pool."""
    part = table.part(redundancy=kind, budget__batch_size=None)
    accuracy = {int(str(factor)): mean_of(frame) for factor, frame in part.groupby("redundancy.factor")}
    table_of_gaps = pd.DataFrame({f: accuracy[f]["badge"] - accuracy[f]["entropy"] for f in sorted(accuracy)})
    texts = [f"×{factor}: {estimate(enough(each.dropna().to_numpy(float)))}" for factor, each in table_of_gaps.items()]
    growth = slopes(table_of_gaps, np.log(table_of_gaps.columns.to_numpy(float)))
    most = enough(table_of_gaps.iloc[:, -1].dropna().to_numpy(float))
    return (
        f"mean accuracy of BADGE minus that of entropy {', '.join(texts)}; {estimate(growth, 2)} for each e-fold of "
        "redundancy",
        f"{all_of(above(most), above(growth))} (intervals above 0: at the most redundant, and of the slope)",
    )


def per_class(table: Table, dataset: str) -> tuple[str, str]:
    """Finding 5: caps on the examples of a class."""
    caps = ["c1000", "c2000", "c3000"]
    part = table.part(dataset=dataset, per_class_cap=caps, seed_set=None, budget__batch_size=None)
    limit = part.groupby("per_class_cap")["per_class_cap.limit"].first().astype(int).sort_values()
    saved = efficiency(part, "per_class_cap").loc[list(ACTIVE)].groupby(["seed", "per_class_cap"]).mean().unstack()
    found = slopes(saved[limit.index], limit.to_numpy(float) / limit.max())
    texts = [f"{each}: {saved[name].mean():.2f}" for name, each in limit.items()]
    return (
        f"efficiency of entropy and BADGE by examples of a class, {', '.join(texts)}; slope to the largest "
        f"{estimate(found, 2)}",
        f"{above(found)} (interval of the slope above 0)",
    )


def seed_set(table: Table) -> tuple[str, str]:
    """Finding 6: representative and random seed sets."""
    chosen = table.part(seed_set=["facility_location", "facility_location_untrained"])
    half = int(chosen["round"].max()) // 2 + 1
    found = gaps(mean_of(chosen, half), mean_of(table.part(), half))
    return (
        f"accuracy in the later half of the rounds, facility location minus random, {estimate(found)}",
        f"{none(found)} (within {LITTLE:g} point by two one-sided tests)",
    )


def batch_size(table: Table) -> tuple[str, str]:
    """Finding 6: AL batch sizes."""
    part = batches(table)
    part = part[part["round"] > 0]
    means = {number: mean_of(part[part["budget.batch_size"] == size]) for number, size in table.batch.items()}
    found = {number: gaps(means[number], means[3000]) for number in (1000, 6000)}
    texts = [f"of {number} minus that of 3,000 {estimate(gap)}" for number, gap in found.items()]
    return (
        f"accuracy at common numbers of labels, AL batches {', '.join(texts)} (the paper's numbers, scaled)",
        f"{all_of(*map(none, found.values()))} (both within {LITTLE:g} point by two one-sided tests)",
    )


def update(table: Table) -> tuple[str, str]:
    """Finding 7: reset and update."""
    kept, renewed = table.part(training__reset="false"), table.part()
    half = int(kept["round"].max()) // 2
    early = gaps(mean_of(renewed, 1, half), mean_of(kept, 1, half))
    late = gaps(mean_of(renewed, half + 1), mean_of(kept, half + 1))
    return (
        f"accuracy with reset minus that with update {estimate(early)} in rounds 1 to {half}, {estimate(late)} later",
        f"{all_of(above(early), none(late))} (above 0 early, within {LITTLE:g} point later by two one-sided tests)",
    )


def time(table: Table) -> tuple[str, str]:
    """Finding 8: the share of training in the time."""
    part = table.part()
    sums = part.groupby("strategy")[["train_seconds", "select_seconds", "evaluate_seconds"]].sum()
    shares = 100 * sums["train_seconds"] / sums.sum(axis=1)
    texts = [f"{strategy} {share:.0f} %" for strategy, share in shares.items()]
    verdict = AGREES if shares.min() > 50 else DISAGREES
    return f"share of training: {', '.join(texts)}", f"{verdict} (more than half for each)"


def subsets(table: Table) -> tuple[str, str]:
    """Finding 8: data subset selection."""
    whole, some = table.part(), table.part(dss="grad_match")
    inner = (some["round"] % 3 != 0) & (some["round"] != some["round"].max())  # the others train on everything
    seconds = [part[part["round"].isin(some[inner]["round"].unique())]["train_seconds"].sum() for part in (whole, some)]
    found = gaps(final(some), final(whole))
    ratio = seconds[0] / seconds[1]
    loss = above(found, -LITTLE)
    verdict = DISAGREES if ratio <= 2 or loss == DISAGREES else AGREES if loss == AGREES else UNDECIDED
    return (
        f"rounds with GRAD-MATCH train {ratio:.1f} times as fast; final accuracy {estimate(found)}",
        f"{verdict} (more than twice as fast, interval above a loss of {LITTLE:g} point)",
    )
