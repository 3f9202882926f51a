"""Where our runs refute a finding: the reason looked for, in numbers of the same runs."""

import numpy as np
import pandas as pd

from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.efficiency_table import common_level, efficiency_at
from alrun.analysis.intervals import t_interval
from alrun.analysis.scores import per_run
from alrun.analysis.significance import ALPHA
from docs.generate import findings_studies as studies
from docs.generate.findings_measures import (
    ACTIVE,
    ADAM,
    ANNEALED,
    TWICE,
    at_common_labels,
    brackets,
    mean_of,
    ranked,
)
from docs.generate.findings_rules import estimate, gaps

PREDICTED = "batch_accuracy"  # of the model before, on what was queried


def gap_by_labels(rounds: pd.DataFrame) -> str:
    """BADGE minus entropy after each round: where the difference of finding 3 is."""
    accuracy = 100 * rounds.groupby(["labeled", "strategy", "seed"])["test_accuracy"].mean()
    texts = []
    for labels, frame in accuracy.groupby("labeled"):
        each = frame.droplevel("labeled")
        texts.append(f"{estimate((each['badge'] - each['entropy']).dropna().to_numpy(float))} at {labels:,}")
    shown = [texts[place] for place in sorted({1, len(texts) // 2, len(texts) - 1})]
    found = [f"BADGE minus entropy by number of labels: {', '.join(shown)}"]
    if "class_labeled" in rounds:
        balance = per_run(name_curves(rounds)).groupby("strategy")["class_balance"].mean()
        even = ", ".join(f"{name} {balance[name]:.3f}" for name in ACTIVE)
        found.append(f"evenness of the queried classes (entropy of their shares, at most 1): {even}")
    return "; ".join(found)


def without_augmentation(rounds: pd.DataFrame) -> str:
    """Why runs without augmentation are not those of finding 3; empty for others."""
    if set(rounds.get("augmentation", ())) != {"none"}:
        return ""
    return "there is no augmentation here: without it, in Figure 2, BADGE is ahead in the paper as well"


def why_no_more(rounds: pd.DataFrame) -> str:
    """What random sampling gains by its labels, and what a strategy could gain at most: finding 1."""
    accuracy = 100 * rounds.groupby(["strategy", "labeled"])["test_accuracy"].mean()
    random = accuracy[REFERENCE]
    best = str(accuracy.groupby("strategy").last().idxmax())
    return (
        f"random sampling itself rises from {random.iloc[0]:.1f} to {random.iloc[-1]:.1f} % between {random.index[0]:,}"
        f" and {random.index[-1]:,} labels, {best} to {accuracy[best].iloc[-1]:.1f} %. An efficiency of 2 would be "
        f"{random.iloc[-1]:.1f} % with {random.index[-1] // 2:,} labels, where {best} has "
        f"{np.interp(random.index[-1] / 2, accuracy[best].index, accuracy[best]):.1f} % (interpolated){newer(rounds)}"
    )


def newer(rounds: pd.DataFrame) -> str:
    """Which strategies that the paper does not have reach an efficiency of 2 under the same setting: finding 1."""
    setting = f"{str(rounds['run'].iloc[0]).partition('/')[0]}/"
    tables = [studies.table_of(name) for name in studies.OTHERS]
    others = [each[each["run"].str.startswith(setting)] for each in tables if each is not None]
    if not any(map(len, others)):
        return ""
    named = name_curves(pd.concat([rounds, *others], ignore_index=True))
    found = efficiency_at(named, common_level(rounds[rounds["strategy"] == REFERENCE]))
    found = found[found["is_paired"] & ~found["strategy"].isin(rounds["strategy"])]
    values = {str(name): frame["efficiency"].to_numpy(float) for name, frame in found.groupby("strategy")}
    whole = {name: each for name, each in values.items() if not np.isnan(each).any()}
    lows = {name: t_interval(each.tolist(), 1 - ALPHA / len(values))[0] for name, each in whole.items()}
    reach = {name: each for name, each in whole.items() if lows[name] > TWICE}
    texts = [f"{name} {each.mean():.2f} {brackets(each)}" for name, each in ranked(reach)]
    return f". Of {len(values)} other strategies, above 2 (corrected): {', '.join(texts) or 'none'}"


def losses_by_redundancy(rounds: pd.DataFrame) -> str:
    """What redundancy costs each strategy: finding 4."""
    accuracy = 100 * rounds.groupby(["strategy", "redundancy.factor"])["test_accuracy"].mean()
    factors = sorted(rounds["redundancy.factor"].unique(), key=lambda factor: float(str(factor)))
    texts = [f"{name} {accuracy[name, factors[-1]] - accuracy[name, factors[0]]:+.2f}" for name in (REFERENCE, *ACTIVE)]
    return f"mean accuracy at ×{factors[-1]} minus that at ×{factors[0]}: {', '.join(texts)} points"


def seconds(rounds: pd.DataFrame) -> str:
    """Median seconds of a run: finding 8."""
    parts = ["train_seconds", "select_seconds", "evaluate_seconds"]
    runs = rounds.groupby(["strategy", "run"])[parts].sum().groupby("strategy").median()
    texts = [
        f"{name} {row['train_seconds']:.1f} s, {row['select_seconds']:.1f} s, {row['evaluate_seconds']:.1f} s"
        for name, row in runs.iterrows()
    ]
    random = rounds[rounds["strategy"] == REFERENCE].groupby("run")["train_seconds"].sum()
    return (
        f"training, selection and evaluation of a run (median): {'; '.join(texts)}; other work ran on the machine, so "
        f"that training by random took {random.min():.0f} to {random.max():.0f} s: only shares far from half say "
        "something"
    )


def learned(rounds: pd.DataFrame, column: str, names: dict[str, str]) -> str:
    """Training accuracy when the last training ends, by the values of ``column``."""
    last = rounds[rounds["labeled"] == rounds["labeled"].max()]
    share = 100 * last.groupby(column)["train_accuracy"].mean()
    texts = [f"{share[value]:.0f} % {name}" for value, name in names.items()]
    return f"training accuracy at the end of the last round is {', '.join(texts)}; the paper trains to 99 %"


def learned_by_augmentation(rounds: pd.DataFrame) -> str:
    """Finding 1: a small network may not learn augmented images to the end."""
    (some,) = set(rounds["augmentation"]) - {"none"}
    return learned(rounds, "augmentation", {some: "with augmentation", "none": "without"})


def learned_by_update(rounds: pd.DataFrame) -> str:
    """Finding 7: a network that keeps its weights has trained for more epochs in all."""
    names = {"true": "with new weights", "false": "with those of the last round, so after more epochs in all"}
    return learned(rounds, "training.reset", names)


def learned_by_optimizer(rounds: pd.DataFrame) -> str:
    """Finding 2: how far each optimizer learns."""
    return learned(rounds, "optimizer", {"sgd": "with SGD", ADAM: "with Adam"})


def learned_by_schedule(rounds: pd.DataFrame) -> str:
    """Finding 2, and what the schedule alone is worth."""
    constant, falling = (rounds[rounds["optimizer"] == name] for name in (ADAM, ANNEALED))
    text = learned(rounds, "optimizer", {"sgd": "with SGD", ANNEALED: "with Adam"})
    if constant.empty:
        return text
    return f"the schedule is worth {estimate(gaps(mean_of(falling), mean_of(constant)))} points to Adam; {text}"


def extremes(rounds: pd.DataFrame) -> str:
    """What entropy queries where it has less to choose among: finding 5."""
    last = rounds[rounds["labeled"] == rounds["labeled"].max()]
    limits = pd.to_numeric(last["per_class_cap.limit"], errors="coerce").fillna(np.inf)
    few, all_ = (last[limits == limit] for limit in (limits.min(), limits.max()))
    accuracy, right = (100 * all_.groupby(["strategy", "seed"])[name].mean() for name in ("test_accuracy", PREDICTED))
    with_cap, right_with = (
        100 * few.groupby(["strategy", "seed"])[name].mean() for name in ("test_accuracy", PREDICTED)
    )
    gains = [
        f"{name} {estimate((part[name] - part[REFERENCE]).to_numpy(float))}"
        for part in (with_cap, accuracy)
        for name in ACTIVE
    ]
    shares = [f"{part[name].mean():.0f} %" for name in ACTIVE for part in (right_with, right)]
    texts = [
        f"over random after the last round with {limits.min():,.0f} examples of a class {gains[0]}, {gains[1]}, "
        f"with all {gains[2]}, {gains[3]}: entropy alone gains by the cap",
        f"of what it queried last, the model before was right about {shares[0]} with the cap and {shares[1]} without "
        f"(BADGE {shares[2]} and {shares[3]})",
    ]
    fewer = studies.table_of("features/candidates")
    ends = None if fewer is None else fewer[fewer["data"].isin(last["data"]) & fewer["labeled"].isin(last["labeled"])]
    if ends is not None and len(ends):
        found = 100 * ends.groupby(["strategy.candidate_factor", "seed"])["test_accuracy"].mean()
        factors = sorted(ends["strategy.candidate_factor"].unique(), key=float, reverse=True)
        over = [estimate((found[factor] - accuracy[REFERENCE]).to_numpy(float)) for factor in factors]
        texts.append(
            f"without a cap, entropy that selects among {', '.join(f'{float(each):g}' for each in factors)} random "
            f"candidates for each label gains {', '.join(over)} points over random (results/features/candidates): a "
            "part of what the cap gains comes with a smaller pool"
        )
    return "; ".join(texts)


def seed_sets_by_labels(rounds: pd.DataFrame) -> str:
    """How long a seed set is felt: finding 6."""
    labels = sorted(rounds["labeled"].unique())
    shown = [labels[place] for place in sorted({0, 1, len(labels) // 2, len(labels) - 1})]
    accuracy = {kind: means(frame, "labeled") for kind, frame in rounds.groupby("seed_set")}
    texts = []
    for kind in sorted(map(str, accuracy.keys() - {"random"})):
        felt = [(accuracy[kind][count] - accuracy["random"][count]).dropna().to_numpy(float) for count in shown]
        texts.append(
            f"{kind} " + ", ".join(f"{estimate(gap)} at {count:,}" for gap, count in zip(felt, shown, strict=True))
        )
    return f"accuracy minus that after a random seed set, by number of labels: {'; '.join(texts)}"


def batch_sizes_by_strategy(rounds: pd.DataFrame) -> str:
    """Which strategy depends on the AL batch size: finding 6."""
    part = at_common_labels(rounds)
    part = part[part["labeled"] > part["labeled"].min()]
    sizes = sorted(part["budget.batch_size"].unique(), key=int)
    texts = []
    means = {size: mean_of(part[part["budget.batch_size"] == size]) for size in (sizes[0], sizes[-1])}
    for name in sorted(part["strategy"].unique()):
        texts.append(f"{name} {estimate(gaps(*(means[size].loc[[name]] for size in (sizes[-1], sizes[0]))))}")
    return f"accuracy with AL batches of {int(sizes[-1]):,} minus that with {int(sizes[0]):,}: {', '.join(texts)}"


def means(rounds: pd.DataFrame, key: str) -> dict[object, pd.Series]:
    """Mean accuracy in % over strategies, (seeds,), for each value of ``key``."""
    table = 100 * rounds.groupby([key, "seed", "strategy"])["test_accuracy"].mean().groupby([key, "seed"]).mean()
    return {value: table[value] for value in rounds[key].unique()}
