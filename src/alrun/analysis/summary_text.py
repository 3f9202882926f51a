"""The text on top of a report, its data sets, and the section on strategies over several data sets."""

import math

import pandas as pd

from alrun.analysis import figures, ranks, scores
from alrun.analysis.comparability import join_words
from alrun.analysis.curves import dataset_names, name_curves, strategy_labels
from alrun.analysis.formats import p_in_words
from alrun.analysis.metrics import PLAIN, Reading
from alrun.analysis.page import Section
from alrun.system.counts import counted

SEVERAL = 3  # strategies that a comparison of ranks needs


def datasets(rounds: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table split by data set: accuracies on different data sets do not compare."""
    if "dataset" not in rounds:
        return {"": rounds}
    return {str(name): frame for name, frame in rounds.groupby(dataset_names(rounds), sort=False)}


def overview(rounds: pd.DataFrame) -> str:
    """A sentence such as ``9 runs: 3 strategies on digits (small_cnn), 20 to 200 labels in 10 rounds, 3 repeats``."""
    runs = rounds.drop_duplicates("run")
    strategies = len(set(zip(runs["strategy"], strategy_labels(runs), strict=True)))
    where = join_words(sorted(dataset_names(runs).unique())) if "dataset" in runs else "one data set"
    models = f" ({join_words(sorted(runs['model'].unique()))})" if "model" in runs else ""
    counts = [counted(len(runs), "run"), counted(strategies, "strategy"), counted(runs["seed"].nunique(), "repeat")]
    budget = f"{rounds['labeled'].min()} to {rounds['labeled'].max()} labels in {rounds['round'].max() + 1} rounds"
    return f"{counts[0]}: {counts[1]} on {where}{models}, {budget}, {counts[2]}."


def across_datasets(frames: dict[str, pd.DataFrame], alpha: float, reading: Reading = PLAIN) -> list[Section]:
    """The section on ranks over data sets, in a list; empty if there is one data set."""
    if len(frames) < 2:
        return []
    metric, named = reading.metric, {name: name_curves(frame) for name, frame in frames.items()}
    runs = pd.concat([scores.per_run(frame, reading).assign(dataset=name) for name, frame in named.items()])
    table = ranks.score_table(runs, "aubc")
    if len(table.columns) < SEVERAL:
        text = f"Ranks need {SEVERAL} strategies that were run on all data sets; there are {len(table.columns)}."
        return [Section("Over data sets", text)]
    mean, p = ranks.mean_ranks(table, metric.better), ranks.friedman(table)
    distance = ranks.critical_difference(len(table.columns), len(table), alpha)
    text = (
        f"Mean ranks by the area under the {metric.short} curve over {len(table)} data sets; 1 is the best. Friedman's "
        f"test that all are alike: {p_in_words(p)}. Nemenyi's test distinguishes strategies whose ranks differ by "
        f"{distance:.2f} or more at {alpha:g}; bars join those that it does not distinguish."
    )
    drawn = {"ranks": figures.critical_difference(mean, ranks.nemenyi(table), "mean rank")} if not math.isnan(p) else {}
    scored = (metric.scale * table).round(metric.digits + 1).rename_axis("data set").reset_index()
    return [Section("Over data sets", text, drawn, {metric.heading("area by data set"): scored})]
