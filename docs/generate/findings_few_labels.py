"""MNIST with few labels: the paper's Figure 8 and Table 11 beside our runs, a section of docs/evidence/findings.md."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from alrun.analysis import figure_style
from alrun.analysis.curves import REFERENCE, name_curves
from alrun.analysis.intervals import t_interval
from alrun.analysis.paper.printed import read_printed
from alrun.analysis.scores import per_run
from alrun.analysis.significance import ALPHA
from docs.generate import findings_studies as studies
from docs.generate.findings_measures import ranked
from docs.generate.findings_rules import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHOLE, PART = "scratch/mnist_low", "scratch/mnist_low_part"
FIGURE = "mnist_low.svg"
TEXT = """\
## MNIST with few labels, Figure 8 and Table 11

The paper: of the strategies that only this figure has, DeepFool is the best; BALD does not do well; none gains enough
to make up for the time of its selection. Ours: the paper's network and settings, {first} to {last} labels, {repeats}
repeats that share their seed set and first model, as in the paper; {hours:.1f} hours on one thread ({hardware}). Figure
8 could not be digitized, so its points are not beside ours. "Over random" is the mean accuracy along the budget minus
that of random sampling with the same seed, in points, with its 95 % interval over repeats. "Selection" is seconds of
one query, the mean of a run, the median of the runs (other work ran on the machine), beside Table 11. The paper names
one hardware for all experiments: "typically" a P100 or V100 GPU (its Appendix A.1). VAAL's own networks count as
training.{part}

{figure}

{caption}.

{table}

{verdict}
"""
CAPTION = "Test accuracy on MNIST against labels, means of our repeats"
ONCE = " (VAAL and DeepFool: one run, among {count:,} examples)"
SOME = (
    " VAAL and DeepFool ran once, and chose among {count:,} examples that were drawn from the pool for each query, so "
    "that their rows compare with no other."
)


def few_labels(folder: Path, assets: Path) -> list[str]:
    """The section, with its figure in ``assets``; nothing if the table is missing."""
    rounds, part = (studies.table_of(experiment, folder) for experiment in (WHOLE, PART))
    if rounds is None:
        return []
    every = rounds if part is None else pd.concat([rounds, by_inner(part)], ignore_index=True)
    draw(every).savefig(assets / FIGURE, metadata={"Date": None}, facecolor="white")
    repeats = rounds.groupby("strategy")["seed"].nunique()
    caption = CAPTION if part is None else CAPTION + ONCE.format(count=candidates(part))
    text = TEXT.format(
        first=rounds["labeled"].min(),
        last=rounds["labeled"].max(),
        repeats=repeats.max() if repeats.nunique() == 1 else f"{repeats.min()} to {repeats.max()}",
        hours=studies.spent(every),
        hardware=" and ".join(sorted(every["hardware"].unique())),
        part="" if part is None else SOME.format(count=candidates(part)),
        figure=f'<img src="../assets/{FIGURE}" width="830" alt="{caption}.">',
        caption=caption,
        table=table(rounds, every),
        verdict=verdict(rounds),
    )
    return [text]


def by_inner(part: pd.DataFrame) -> pd.DataFrame:
    """The rounds, with the name of the strategy that chooses in a part of the pool."""
    return part.assign(strategy=part["strategy@strategy.inner"].astype(str))


def candidates(part: pd.DataFrame) -> int:
    """How many examples it chooses among."""
    row = part.iloc[0]
    return int(float(row["strategy.candidate_factor"]) * float(row["budget.batch_size"]))


def table(rounds: pd.DataFrame, every: pd.DataFrame) -> str:
    """A row for each strategy, the most accurate first; those of a part of the pool come last."""
    areas, seconds = area(every), selection(every)
    printed = read_printed("table11").set_index("strategy")["seconds"]
    gains = over_random(rounds)
    last = 100 * every[every["labeled"] == every["labeled"].max()].groupby("strategy")["test_accuracy"].mean()
    order = areas.groupby("strategy").mean().sort_values(ascending=False).index
    lines = [
        "| strategy | mean accuracy, % | over random, points | last accuracy, % | repeats | selection | Table 11 |",
        "|---" * 7 + "|",
    ]
    whole = set(rounds["strategy"])
    for name in sorted(map(str, order), key=lambda each: each not in whole):
        theirs = f"{printed[name]:.1f} s" if name in printed else ""
        cells = [name, f"{areas[name].mean():.1f}", estimate(gains[name]) if name in gains else "", f"{last[name]:.1f}"]
        cells += [str(len(areas[name])), f"{seconds[name]:.2f} s", theirs]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def area(rounds: pd.DataFrame) -> pd.Series:
    """Mean accuracy along the budget in %, by strategy and seed."""
    return 100 * per_run(name_curves(rounds)).set_index(["strategy", "seed"])["aubc"]


def selection(rounds: pd.DataFrame) -> pd.Series:
    """Seconds of a query, the mean of a run, the median of the runs, by strategy."""
    queried = rounds[rounds["round"] < rounds["round"].max()]
    return queried.groupby(["strategy", "seed"])["select_seconds"].mean().groupby("strategy").median()


def over_random(rounds: pd.DataFrame) -> dict:
    """Mean accuracy minus that of random sampling, (seeds,), by strategy, where there are two repeats or more."""
    areas = area(rounds).unstack("strategy")
    gains = areas.drop(columns=REFERENCE).sub(areas[REFERENCE], axis=0)
    found = {str(name): each.dropna().to_numpy(float) for name, each in gains.items()}
    return {name: each for name, each in found.items() if len(each) > 1}


def verdict(rounds: pd.DataFrame) -> str:
    """Which strategies differ from random sampling, corrected for their number."""
    gains = over_random(rounds)
    ends = {name: t_interval(each.tolist(), 1 - ALPHA / len(gains)) for name, each in ranked(gains)}
    better = [name for name, (low, _) in ends.items() if low > 0]
    worse = [name for name, (_, high) in ends.items() if high < 0]
    texts = [f"better than random: {', '.join(better) or 'none'}", f"worse: {', '.join(worse) or 'none'}"]
    return f"By intervals that are corrected for {len(gains)} strategies, {'; '.join(texts)}."


@figure_style.styled
def draw(every: pd.DataFrame) -> "Figure":
    """The mean accuracies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(figure_style.PAGE, 3.2))
    axes = figure.subplots()
    means = 100 * every.groupby(["labeled", "strategy"])["test_accuracy"].mean().unstack()
    styles = figure_style.line_styles(list(map(str, means)))
    for name in map(str, means):
        axes.plot(means.index, means[name], label=name, **styles[name])
    axes.set(xlabel="labeled examples", ylabel="test accuracy (%)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center")
    return figure
