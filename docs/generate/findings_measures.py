"""The findings of the paper's introduction: a function for each, with its rule for a verdict (findings_rules).

Each takes the rounds of one facet: runs that differ in what the finding is about, in strategy and in seed.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.efficiency_table import common_level, efficiency_at
from alrun.analysis.intervals import t_interval
from alrun.analysis.scores import mean_value
from alrun.analysis.significance import ALPHA
from alrun.system.errors import UserError
from docs.generate.findings_rules import (
    CONFIRMED,
    LITTLE,
    REFUTED,
    UNDECIDED,
    Answer,
    above,
    all_of,
    below,
    bound,
    enough,
    estimate,
    gaps,
    none,
    slopes,
)

ACTIVE = ("entropy", "badge")
TWICE = 2.0  # labeling efficiency
ADAM, ANNEALED = "adam", "adam_cosine"  # the paper's, at a constant rate; and at a rate that falls as SGD's


def labeling_efficiency(rounds: pd.DataFrame) -> Answer:
    """Finding 1: labeling efficiencies of 2 and more, at the accuracy that each run of random sampling reaches."""
    named = name_curves(rounds)
    if REFERENCE not in set(named["strategy"]):
        raise UserError("random sampling was not run")
    level = common_level(named[named["strategy"] == REFERENCE])
    found = efficiency_at(named, level)
    found = found[(found["strategy"] != REFERENCE) & found["is_paired"]]
    values = {str(name): frame["efficiency"].to_numpy(float) for name, frame in found.groupby("strategy")}
    whole = {name: enough(each) for name, each in values.items() if not np.isnan(each).any()}
    failed = {name: int(np.isnan(each).sum()) for name, each in values.items() if name not in whole}
    short = [f"{name} falls short of it in {count}" for name, count in failed.items()]
    wide = [t_interval(each.tolist(), 1 - ALPHA / len(values)) for each in whole.values()]
    reached = any(low > TWICE for low, _ in wide)
    missed = all(high < TWICE for _, high in wide)
    texts = [f"{name} {each.mean():.2f} {brackets(each)}" for name, each in ranked(whole)]
    return Answer(
        f"at {100 * level:.1f} % accuracy, which random reaches in each repeat: {', '.join([*texts, *short])}",
        CONFIRMED if reached else REFUTED if missed else UNDECIDED,
        f"of these strategies of the paper, an interval above {TWICE:g} confirms, all below {TWICE:g} refute; "
        f"corrected for {len(values)}",
        min(map(len, values.values())),
    )


def ranked(values: dict[str, np.ndarray]) -> Iterable[tuple[str, np.ndarray]]:
    """The items with the highest mean first."""
    return sorted(values.items(), key=lambda item: -item[1].mean())


def brackets(values: np.ndarray) -> str:
    """The 95 % interval."""
    low, high = t_interval(values.tolist())
    return f"[{low:.2f}, {high:.2f}]"


def augmentation(rounds: pd.DataFrame) -> Answer:
    """Finding 1: with and without augmentation."""
    plain = rounds["augmentation"] == "none"
    yes, no = both(rounds[~plain], rounds[plain])
    accuracy = gaps(final(yes), final(no))
    levels = [common_level(part) for part in (yes, no)]
    saved = gaps(*(efficiency(part, level).loc[list(ACTIVE)] for part, level in zip((yes, no), levels, strict=True)))
    at_one = gaps(*(efficiency(part, min(levels)).loc[list(ACTIVE)] for part in (yes, no)))
    return Answer.of(
        f"with minus without: final accuracy {estimate(accuracy)}; efficiency of entropy and BADGE {estimate(saved)}, "
        f"each at the accuracy that all runs with it reach, {100 * levels[0]:.1f} and {100 * levels[1]:.1f} %; at "
        f"{100 * min(levels):.1f} % for both {estimate(at_one)}",
        all_of(above(accuracy), above(saved)),
        "intervals of final accuracy and of the first efficiency above 0",
        accuracy,
    )


def optimizer(rounds: pd.DataFrame, adam: str = ADAM) -> Answer:
    """Finding 2: SGD and the paper's Adam."""
    sgd, other = both(*(rounds[rounds["optimizer"] == name] for name in ("sgd", adam)))
    found, last = (gaps(*map(measure, (sgd, other))) for measure in (mean_of, final))
    return Answer.of(
        f"mean accuracy of SGD minus that of Adam {estimate(found)}; after the last round {estimate(last)}",
        above(found),
        "interval of the mean above 0",
        found,
    )


def schedule(rounds: pd.DataFrame) -> Answer:
    """Finding 2: SGD and an Adam whose rate falls as SGD's."""
    return optimizer(rounds, ANNEALED)


def badge_over_entropy(rounds: pd.DataFrame) -> np.ndarray:
    """BADGE's mean accuracy minus entropy's, (seeds,)."""
    accuracy = mean_of(rounds)
    if not set(ACTIVE) <= set(accuracy.index.get_level_values("strategy")):
        raise UserError("not computed: entropy or BADGE was not run")
    return enough((accuracy["badge"] - accuracy["entropy"]).dropna().to_numpy(float))


def diversity(rounds: pd.DataFrame) -> Answer:
    """Finding 3: BADGE and entropy."""
    found = badge_over_entropy(rounds)
    beside = ""
    if REFERENCE in set(rounds["strategy"]):
        accuracy = mean_of(rounds)
        gained = enough((accuracy["entropy"] - accuracy[REFERENCE]).dropna().to_numpy(float))
        beside = f" (entropy minus random {estimate(gained)})"
    return Answer.of(
        f"mean accuracy of BADGE minus that of entropy {estimate(found)}{beside}",
        below(found),
        f"refuted if the interval is above 0; confirmed if by a one-sided test BADGE is less than {LITTLE:g} ahead",
        found,
    )


def redundancy(rounds: pd.DataFrame) -> Answer:
    """Finding 4: BADGE and entropy in a redundant pool."""
    parts = {int(float(str(factor))): frame for factor, frame in rounds.groupby("redundancy.factor")}
    accuracy = {factor: mean_of(frame) for factor, frame in sorted(parts.items())}
    table = pd.DataFrame({factor: each["badge"] - each["entropy"] for factor, each in accuracy.items()})
    texts = [f"×{factor}: {estimate(enough(each.dropna().to_numpy(float)))}" for factor, each in table.items()]
    growth = slopes(table, np.log2(table.columns.to_numpy(float)))
    most = enough(table.iloc[:, -1].dropna().to_numpy(float))
    return Answer.of(
        f"mean accuracy of BADGE minus that of entropy {', '.join(texts)}; {estimate(growth)} for each doubling",
        all_of(above(most), above(growth)),
        "intervals above 0: at the most redundant, and of the slope",
        most,
        growth,
    )


def per_class(rounds: pd.DataFrame) -> Answer:
    """Finding 5: caps on the examples of a class."""
    limits = pd.to_numeric(rounds["per_class_cap.limit"], errors="coerce").fillna(np.inf)
    parts = {limit: rounds[limits == limit] for limit in sorted(limits.unique())}
    if len(parts) < 2:
        raise UserError("not computed: fewer than two of them were run")
    gains = {limit: over_random(part) for limit, part in parts.items()}
    level = common_level(rounds)
    ratios = efficiency(rounds.assign(limit_of_class=limits), level, "limit_of_class").loc[list(ACTIVE)]
    saved = {limit: ratios.xs(limit, level="limit_of_class").groupby("seed").mean() for limit in parts}
    few, many = min(parts), max(parts)
    gain = enough((gains[many] - gains[few]).dropna().to_numpy(float))
    ratio = enough((saved[many] - saved[few]).dropna().to_numpy(float))
    names = {limit: "all" if np.isinf(limit) else f"{limit:,.0f}" for limit in parts}
    texts = [f"{name}: {gains[each].mean():+.2f} points and {saved[each].mean():.2f}" for each, name in names.items()]
    each = {name: over_random(parts[many], (name,)) - over_random(parts[few], (name,)) for name in ACTIVE}
    apart = ", ".join(f"{name} {estimate(values.dropna().to_numpy(float))}" for name, values in each.items())
    return Answer.of(
        f"entropy and BADGE over random, and their efficiency at {100 * level:.1f} % accuracy, by examples of a class, "
        f"{'; '.join(texts)}. Most minus fewest: {estimate(gain)} points ({apart}), efficiency {estimate(ratio)}",
        all_of(above(gain), above(ratio)),
        "both intervals above 0",
        gain,
    )


def over_random(rounds: pd.DataFrame, strategies: Iterable[str] = ACTIVE) -> pd.Series:
    """Mean accuracy of ``strategies`` minus that of random, in points, by seed."""
    table = mean_of(rounds).unstack("strategy")
    return table[list(strategies)].mean(axis="columns") - table[REFERENCE]


def seed_set(rounds: pd.DataFrame) -> Answer:
    """Finding 6: representative and random seed sets."""
    kinds = [str(kind) for kind in rounds["seed_set"].unique() if kind != "random"]
    parts = {kind: rounds[rounds["seed_set"] == kind] for kind in (*kinds, "random")}
    half = int(rounds["round"].max()) // 2 + 1
    found = {kind: gaps(mean_of(parts[kind], half), mean_of(parts["random"], half)) for kind in kinds}
    first = {kind: gaps(mean_of(parts[kind], 0, 0), mean_of(parts["random"], 0, 0)) for kind in kinds}
    if not found:
        raise UserError("not computed: fewer than two of them were run")
    texts = [f"{kind} {estimate(first[kind])} at first, {estimate(found[kind])} later" for kind in kinds]
    return Answer.of(
        f"accuracy minus that after a random seed set: {'; '.join(texts)}. {at_most(found.values())}",
        all_of(*map(none, found.values())),
        f"later half of the rounds: within {LITTLE:g} point by two one-sided tests",
        *found.values(),
    )


def batch_size(rounds: pd.DataFrame) -> Answer:
    """Finding 6: AL batch sizes."""
    part = at_common_labels(rounds)
    part = part[part["labeled"] > part["labeled"].min()]
    sizes = sorted(part["budget.batch_size"].unique(), key=int)
    means = {size: mean_of(part[part["budget.batch_size"] == size]) for size in sizes}
    middle = sizes[len(sizes) // 2]
    found = {size: gaps(means[size], means[middle]) for size in sizes if size != middle}
    texts = []
    for size, gap in found.items():
        each = [(name, gaps(*(means[key].loc[[name]] for key in (size, middle)))) for name in names_of(means[middle])]
        apart = ", ".join(f"{name} {estimate(values)}" for name, values in each)
        texts.append(f"of {int(size):,} {estimate(gap)} ({apart})")
    return Answer.of(
        f"accuracy at common numbers of labels minus that with AL batches of {int(middle):,}: "
        f"{', '.join(texts)}. {at_most(found.values())}",
        all_of(*map(none, found.values())),
        f"within {LITTLE:g} point by two one-sided tests",
        *found.values(),
    )


def names_of(accuracy: pd.Series) -> list[str]:
    """The strategies of a series by strategy and seed."""
    return list(map(str, accuracy.index.get_level_values("strategy").unique()))


def at_most(differences: Iterable[np.ndarray]) -> str:
    """What "no difference" means here."""
    return f"At most {max(map(bound, differences)):.2f} points by two one-sided tests"


def at_common_labels(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rounds of all AL batch sizes at the numbers of labels that they share."""
    sizes = rounds.groupby("labeled")["budget.batch_size"].nunique()
    every = rounds["budget.batch_size"].nunique()
    if every < 2:
        raise UserError("not computed: fewer than two of them were run")
    return rounds[rounds["labeled"].isin(sizes[sizes == every].index)]


def update(rounds: pd.DataFrame) -> Answer:
    """Finding 7: reset and update."""
    renewed, kept = both(*(rounds[rounds["training.reset"] == each] for each in ("true", "false")))
    half = int(kept["round"].max()) // 2
    early = gaps(mean_of(renewed, 1, half), mean_of(kept, 1, half))
    late = gaps(mean_of(renewed, half + 1), mean_of(kept, half + 1))
    return Answer.of(
        f"accuracy with reset minus that with update {estimate(early)} in rounds 1 to {half}, {estimate(late)} later. "
        f"{at_most([late])} later",
        all_of(above(early), none(late)),
        f"above 0 early, within {LITTLE:g} point later by two one-sided tests",
        early,
        late,
    )


def time(rounds: pd.DataFrame) -> Answer:
    """Finding 8: the share of training in the time of a run, the median: other work may have held a run up."""
    sums = rounds.groupby(["strategy", "run"])[["train_seconds", "select_seconds", "evaluate_seconds"]].sum()
    shares = (100 * sums["train_seconds"] / sums.sum(axis=1)).groupby("strategy").median()
    texts = [f"{strategy} {share:.0f} %" for strategy, share in shares.sort_values(ascending=False).items()]
    return Answer(
        f"share of training in the seconds of a run (median): {', '.join(texts)}",
        CONFIRMED if shares.min() > 50 else REFUTED,
        "more than half for each",
        int(rounds.groupby("strategy")["seed"].nunique().min()),
    )


def subsets(rounds: pd.DataFrame) -> Answer:
    """Finding 8: data subset selection."""
    whole, some = both(*(rounds[rounds["dss"] == name] for name in ("none", "grad_match")))
    inner = (some["round"] % 3 != 0) & (some["round"] != some["round"].max())  # the others train on everything
    of_inner = [part[part["round"].isin(some[inner]["round"].unique())] for part in (whole, some)]
    seconds, of_run = (
        [part.groupby("run")["train_seconds"].sum().median() for part in parts] for parts in (of_inner, (whole, some))
    )
    ratio = seconds[0] / seconds[1]
    active = list(ACTIVE)  # what random sampling queries does not depend on the training: it ends alike by its nature
    before, after = (mean_of(part)[active] for part in of_inner)
    found = gaps(final(some)[active], final(whole)[active])
    apart = ", ".join(f"{name} {estimate(gaps(*(final(part)[[name]] for part in (some, whole))))}" for name in active)
    loss = above(found, -LITTLE)
    verdict = REFUTED if ratio <= TWICE or loss == REFUTED else CONFIRMED if loss == CONFIRMED else UNDECIDED
    return Answer.of(
        f"rounds with GRAD-MATCH train {ratio:.1f} times as fast, accuracy of entropy and BADGE after them "
        f"{estimate(gaps(after, before))}; whole runs train {of_run[0] / of_run[1]:.2f} times as fast, and after their "
        f"last round, without it, accuracy is {estimate(found)} ({apart})",
        verdict,
        f"rounds with it more than twice as fast, and after a round without it, as the paper measures, an interval "
        f"above a loss of {LITTLE:g} point",
        found,
    )


def both(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two parts.

    Raises:
        UserError: One was not run.
    """
    if one.empty or other.empty:
        raise UserError("not computed: fewer than two of them were run")
    return one, other


def mean_of(part: pd.DataFrame, first: int = 0, last: int | None = None) -> pd.Series:
    """Mean accuracy in % along the budget from the round ``first`` to ``last`` of every run, by strategy and seed.

    It is the area under the curve divided by its range of labels, as on the other pages; of one round its accuracy.
    """
    chosen = part[(part["round"] >= first) & (part["round"] <= (part["round"].max() if last is None else last))]
    curves = chosen.sort_values("round").groupby(["strategy", "seed"])
    found = {
        key: mean_value(curve["labeled"].to_numpy(float), curve["test_accuracy"].to_numpy(float))
        for key, curve in curves
    }
    return 100 * pd.Series(found).rename_axis(["strategy", "seed"])


def final(part: pd.DataFrame) -> pd.Series:
    """Accuracy in % after the last round, by strategy and seed."""
    return mean_of(part[part["labeled"] == part["labeled"].max()])


def efficiency(part: pd.DataFrame, level: float, *by: str) -> pd.Series:
    """Labeling efficiency at the accuracy ``level``, by strategy, seed and columns ``by``."""
    found = efficiency_at(name_curves(part), level).set_index("run")
    columns = part.drop_duplicates("run").set_index("run")[list(by)]
    return found.join(columns).groupby(["strategy", "seed", *by])["efficiency"].mean()
