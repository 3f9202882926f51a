"""docs/evidence/pools.md from the tables in results/pools: which strategy in which pool.

``make pools`` computes the runs, writes the tables and then this page.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis import ranks, significance
from alrun.analysis import result_files as results
from alrun.analysis.curves import REFERENCE
from alrun.analysis.intervals import t_interval
from alrun.analysis.metrics import METRICS, Reading
from alrun.analysis.scores import by_class, per_run
from docs.generate.wrapped import wrapped

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "results" / "pools"
PAGE = ROOT / "docs" / "evidence" / "pools.md"
RATES = {"noisy_20": 0.2, "noisy_40": 0.4}  # of results/pools/noisy
LEVEL = 0.05  # of p after Holm's correction
# One family for every page: that of a pool. One over a page would let a further pool change the verdicts of the others.
FAMILY = (
    "Each {unit} is a question of its own: the correction is for its strategies alone, here as in {page}, so a further "
    "{unit} changes no verdict; at most about one {unit} in twenty names a strategy by chance."
)
COLUMNS = ["mean", "repeats", "gap", "low", "high", "p", "holm", "below", "below_low", "below_high"]  # of a comparison
DRAWS = 2000  # of seeds, for the interval of a rank correlation
ORACLE = "best_found"  # no strategy: it is compared with them, and not among them


class Pool(NamedTuple):
    """A pool of the page."""

    title: str
    what: str
    metric: str  # that strategies are compared by
    beside: tuple[str, ...] = ()  # metrics that are shown too


POOLS = {
    "best_found": Pool(
        "As it is",
        "50,000 examples, ten classes of the same size. `best_found` is an oracle: of 30 batches that it tries in "
        "each\nround, it takes the one with the highest test accuracy, a lower bound for the best batch.",
        "accuracy",
    ),
    "rare_classes": Pool(
        "Rare classes",
        "Five classes, drawn by the seed, keep 1 of 20 of their examples. The seed set has two examples of each class.",
        "accuracy",
        ("rare_recall",),
    ),
    "long_tail": Pool(
        "Long tail",
        "Class sizes fall exponentially; the largest class has 50 times the examples of the smallest.",
        "accuracy",
        ("worst_recall",),
    ),
    "open_set": Pool(
        "Strangers",
        "Four classes, drawn by the seed, are unknown: 40 % of the pool belongs to no known class. The answer "
        "\"none of these\" counts toward the budget.",
        "accuracy",
        ("purity",),
    ),
    "noisy_20": Pool("Wrong answers, 20 %", "20 % of the answers are another class, at random.", "accuracy"),
    "noisy_40": Pool("Wrong answers, 40 %", "40 % of the answers are another class, at random.", "accuracy"),
    "noisy_people": Pool(
        "Wrong answers of people",
        "One annotator's answers for each image of CIFAR-10 (CIFAR-10N, random 1; Wei et al. 2022).",
        "accuracy",
        ("wrong_labels",),
    ),
    "noisy_same_rate": Pool(
        "Wrong answers at random, as often as people's", "At the rate of CIFAR-10N's first annotator.", "accuracy"
    ),
    "redundancy": Pool(
        "Copies", "4,900 images occur ten times, 1,000 once; the seed set is of the latter.", "accuracy"
    ),
    "shift": Pool(
        "Two domains",
        "Half of 25,000 images are gray, with half the contrast and half the resolution; the test set is in color.",
        "accuracy",
    ),
}  # fmt: skip

HEAD = """# Strategies by pool

Which strategy helps in a pool with rare classes, strangers, wrong labels or copies? Written by `make pools` from
results/pools: {runs} runs with a linear head, trained to its optimum (penalty C = {penalty}), on 1,280 features of
CIFAR-10 (JPEG-compressed) from EfficientNet-Lite0, which was trained on ImageNet. {repeats} Each repeat has its own
seed set and pool (rare classes, strangers and errors depend on its seed), shared by all strategies. The whole
test set is used (of the known classes); it is balanced also where classes are rare in the pool. [Realistic
pools](../guides/pools.md) explains the terms, and how to run the same on your data.

{short}

"Accuracy" is the mean along the whole budget, "over random" its difference to random sampling with the same seed, with
the 95 % interval (Student's t). A difference is significant (**bold**) if p < {level} after Holm's correction. No bold
difference means that none was found, not that there is none. Measures beside it are means along the budget too, the
purity that of the queries without the seed set. "Rare examples found" are those beyond the seed set, the ratio of the
means over repeats, with a 95 % bootstrap interval over repeats. Words after a strategy are what is inside it, or its
set function: `balanced entropy` is `strategy=balanced strategy@strategy.inner=entropy`, `smi flqmi` is
`strategy=smi strategy.function=flqmi`.
{family}

"""


def main() -> None:
    """Write the page."""
    tables = {name: read(name) for name in POOLS if folder(name).is_dir()}
    compared = {name: compare(table, METRICS[POOLS[name].metric]) for name, table in tables.items()}
    repeats = sorted({int(count) for each in compared.values() for count in each["repeats"]})
    counts = f"{repeats[0]}" if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
    text = HEAD.format(
        short=in_short(compared),
        runs=sum(table["run"].nunique() for table in tables.values()),
        repeats=f"{counts} repeats.",
        level=LEVEL,
        penalty=penalties(pd.concat(tables.values())),
        family=FAMILY.format(unit="pool", page="[which strategy when](../guides/which_strategy.md)"),
    )
    for name, table in tables.items():
        text += section(name, table, compared[name])
    text += (across(tables) if len(tables) > 1 else "") + noise(tables) + absent(tables)
    PAGE.write_text(wrapped(text))
    print(f"{len(tables)} pools in {PAGE.relative_to(ROOT)}")


def penalties(rounds: pd.DataFrame) -> str:
    """The weights of the penalty of all linear heads, as text."""
    return " and ".join(f"{each:g}" for each in sorted(set(rounds["optimizer.C"].astype(float))))


def folder(name: str) -> Path:
    """That of the table of a pool."""
    return TABLES / ("noisy" if name in RATES else name)


def read(name: str) -> pd.DataFrame:
    """The rounds in a pool."""
    table = results.read_results(folder(name))
    if name in RATES:
        table = table[table["annotator.rate"].astype(float) == RATES[name]]
    return named(table, name)


def named(table: pd.DataFrame, facet: str) -> pd.DataFrame:
    """The rounds with curves that are named by strategy, the strategy inside it and its set function alone."""
    label = table["strategy"].astype(str)
    for column, none in (("strategy@strategy.inner", ""), ("strategy.inner.function", ""), ("strategy.function", "")):
        if column in table:
            given = table[column].fillna(none).astype(str)  # tables of several experiments differ in columns
            label = label.where(given == none, label + " " + given)
    return table.assign(curve=label, label=label, facet=facet)


def compare(table: pd.DataFrame, metric: object) -> pd.DataFrame:
    """A row per curve: mean of the metric along the budget, the difference to random, its interval, p, and Holm's p.

    In a pool with the oracle, ``below`` is how far each is from it, with an interval; the oracle itself is not tested.
    """
    values = by_seed(table, metric)
    rows = {}
    for curve in map(str, values):
        row = {"mean": values[curve].mean(), "repeats": values[curve].notna().sum()}
        if curve != REFERENCE:
            row |= dict(zip(("gap", "low", "high", "p"), paired(values, curve, REFERENCE), strict=True))
        if curve == ORACLE:
            row["p"] = np.nan
        elif ORACLE in values:
            row |= dict(zip(("below", "below_low", "below_high"), paired(values, ORACLE, curve), strict=False))
        rows[curve] = row
    compared = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return compared.assign(holm=significance.holm(compared["p"].to_numpy(float)))


def by_seed(table: pd.DataFrame, metric: object) -> pd.DataFrame:
    """Means of the metric along the budget: a row per seed, a column per curve."""
    reading = Reading(metric)  # pyright: ignore[reportArgumentType]
    return per_run(table, reading).pivot_table("aubc", "seed", "curve")


def paired(values: pd.DataFrame, curve: str, other: str) -> tuple[float, float, float, float]:
    """Mean difference of two columns over the seeds that both have, its interval, and p of the paired t-test."""
    both = values[[curve, other]].dropna()
    gap = (both[curve] - both[other]).to_numpy(float)
    p = float(significance.t_test(both[curve].to_numpy(), both[other].to_numpy())[1])
    return float(gap.mean()), *t_interval(gap.tolist()), p


def in_short(found: dict[str, pd.DataFrame]) -> str:
    """A table of all pools: the strategies for which a difference to random counts, in the order of their means."""
    lines = ["| pool | significantly better than random | significantly worse |", "|---|---|---|"]
    for name in POOLS:
        if name not in found:
            continue
        metric = METRICS[POOLS[name].metric]
        compared = found[name].sort_values("mean", ascending=metric.better < 0)
        sides = (metric.better * compared["gap"] > 0, metric.better * compared["gap"] < 0)
        named = [
            ", ".join(f"`{curve}`" for curve in compared.index[side & (compared["holm"] < LEVEL)]) for side in sides
        ]
        lines.append(f"| {POOLS[name].title} | {named[0] or 'nothing'} | {named[1] or 'nothing'} |")
    return "\n".join(lines)


def section(name: str, table: pd.DataFrame, compared: pd.DataFrame) -> str:
    """The section of a pool: a row per strategy, and a sentence if nothing beats random."""
    pool = POOLS[name]
    metric = METRICS[pool.metric]
    beside = [METRICS[other] for other in pool.beside]
    queried = table[table["round"] > 0]  # the seed set is pure by itself
    rounds = {other: queried if other.name == "purity" else table for other in beside}
    others = {other.name: per_run(rounds[other], Reading(other)).groupby("curve")["aubc"].mean() for other in beside}
    found = rare_found(table) if name == "rare_classes" else None
    titles = [f"{metric.short}, {metric.unit}", "over random, points"]
    has_oracle = bool(compared["below"].notna().any())
    titles += ["below the best found, points"] * has_oracle
    titles += [f"{each.short}, {each.unit}" for each in beside]
    titles += ["rare examples found, relative to random"] if found is not None else []
    lines = [
        f"## {pool.title}",
        "",
        pool.what,
        f"{table['answers'].min():,.0f} to {table['answers'].max():,.0f} answers.",
        "",
        f"| strategy | {' | '.join(titles)} |",
        "|---" * (1 + len(titles)) + "|",
    ]
    ranked = compared.sort_values("mean", ascending=metric.better < 0)
    for curve, (_, row) in zip(map(str, ranked.index), ranked.iterrows(), strict=True):
        cells = [f"{metric.scale * row['mean']:.1f}", difference(row)]
        cells += [interval(row["below"], row["below_low"], row["below_high"])] * has_oracle
        cells += [f"{each.scale * others[each.name][curve]:.1f}" for each in beside]
        cells += [found[curve]] if found is not None else []
        lines.append(f"| `{curve}` | {' | '.join(cells)} |")
    better = compared[(compared["holm"] < LEVEL) & (metric.better * compared["gap"] > 0)]
    if better.empty:
        lines += ["", "Nothing was found to beat random here."]
    return "\n".join([*lines, "", ""])


def difference(row: pd.Series) -> str:
    """A difference in points with its interval; bold where it counts."""
    text = interval(row["gap"], row["low"], row["high"], "+")
    return f"**{text}**" if row["holm"] < LEVEL else text


def interval(mean: float, low: float, high: float, sign: str = "") -> str:
    """A difference of shares in points with its interval; empty for NaN."""
    return "" if np.isnan(mean) else f"{100 * mean:{sign}.1f} ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})"


def rare_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many examples of rare classes are labeled beyond the seed set: a row per seed, a column per curve."""
    rows = []
    for (curve, seed), frame in table.groupby(["curve", "seed"]):
        frame = frame.sort_values("round")
        names = json.loads(str(frame["class_names"].iloc[0]))
        rare = [names.index(name) for name in json.loads(str(frame["rare_classes"].iloc[0]))]
        counts = by_class(frame.iloc[-1], "class_labeled") - by_class(frame.iloc[0], "class_labeled")
        rows.append({"curve": curve, "seed": seed, "found": counts[rare].sum()})
    return pd.DataFrame(rows).pivot_table("found", "seed", "curve").dropna()


def rare_found(table: pd.DataFrame) -> dict[str, str]:
    """How many times as many examples of rare classes as random a strategy labels beyond the seed set, by curve.

    The ratio of means over seeds, with a percentile bootstrap interval over seeds.
    """
    found = rare_counts(table)
    draws = np.random.default_rng(0).integers(0, len(found), (DRAWS, len(found)))
    text = {}
    for curve in map(str, found):
        ratio = found[curve].mean() / found[REFERENCE].mean()
        drawn = found[curve].to_numpy()[draws].mean(1) / found[REFERENCE].to_numpy()[draws].mean(1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        text[curve] = "1" if curve == REFERENCE else f"{ratio:.2f} ({low:.2f} to {high:.2f})"
    return text


def across(tables: dict[str, pd.DataFrame]) -> str:
    """Mean ranks over pools of the strategies that ran in all of them."""
    means = {name: compare(table, METRICS[POOLS[name].metric])["mean"] for name, table in tables.items()}
    scores = pd.DataFrame(means).T.dropna(axis="columns")
    mean = ranks.mean_ranks(scores).sort_values()
    p, gap = ranks.friedman(scores), ranks.critical_difference(len(scores.columns), len(scores))
    lines = [
        "## Over all pools",
        "",
        f"Mean ranks of the strategies that ran in all {len(scores)} pools (1 is best). Friedman's test for any\n"
        f"difference: p = {p:.2g}; critical difference (Nemenyi): {gap:.1f}. The pools are of one data set and so not\n"
        "independent: take this as a description.",
        "",
        "| strategy | mean rank | worst rank |",
        "|---|---|---|",
    ]
    worst = scores.rank(axis="columns", ascending=False).max()
    lines += [f"| `{curve}` | {mean[curve]:.1f} | {worst[curve]:.0f} |" for curve in map(str, mean.index)]
    return "\n".join([*lines, "", ""])


def noise(tables: dict[str, pd.DataFrame]) -> str:
    """The rank correlation of strategies between people's errors and random ones of the same rate."""
    if not {"noisy_people", "noisy_same_rate"} <= set(tables):
        return ""
    areas = [by_seed(tables[name], METRICS["accuracy"]) for name in ("noisy_people", "noisy_same_rate")]
    shared = sorted(set(map(str, areas[0])) & set(map(str, areas[1])))
    people, simulated = (area[shared].dropna() for area in areas)
    rho = float(people.mean().corr(simulated.mean(), method="spearman"))
    numbers = np.random.default_rng(0)
    drawn = [
        people.iloc[numbers.integers(0, len(people), len(people))]
        .mean()
        .corr(simulated.iloc[numbers.integers(0, len(simulated), len(simulated))].mean(), method="spearman")
        for _ in range(DRAWS)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return (
        "## People's errors and simulated ones\n\n"
        f"The order of {len(shared)} strategies by mean accuracy with people's errors against that with random errors "
        f"of the same rate: Spearman's rank correlation is {rho:.2f}, 95 % interval {low:.2f} to {high:.2f} (bootstrap "
        "over seeds).\n"
    )


def absent(tables: dict[str, pd.DataFrame]) -> str:
    """A sentence on the pools without a table."""
    lacking = [POOLS[name].title for name in POOLS if name not in tables]
    return f"\nNot computed yet: {', '.join(lacking).lower()}.\n" if lacking else ""


if __name__ == "__main__":
    main()
