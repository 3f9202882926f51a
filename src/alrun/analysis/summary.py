"""The table and figure at the end of a sweep: one setting, all of its strategies side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import efficiency_table, figure_style, figures, formats, rounds, scores
from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import spread
from alrun.analysis.metrics import ACCURACY, PLAIN
from alrun.system import files

WIDE = 7  # strategies that fit beside one another


def summarize(setting: Path, runs: Sequence[Path]) -> None:
    """Print the table of ``runs``, all in the folder ``setting``, and write summary.csv and accuracy.png there."""
    table, problems = rounds.gather(runs)
    print(*(f"\n{problem}" for problem in problems if problem.status == "damaged"), sep="", end="")
    if table.empty:
        return
    named = name_curves(table)
    per_round = accuracy_by_round(named)
    by_curve, target = by_strategy(named)
    files.write_text(setting / "summary.csv", formats.csv(per_round.reset_index()))
    figure_style.save_figure(figures.measure(named), setting / "accuracy")
    print(f"\nTest accuracy in %, mean ± standard deviation over repeats ({setting.name})")
    print(accuracy_table(per_round).to_string(index=False))
    print(f"\nPer run; labeling efficiency at {100 * target:.1f} % accuracy, which every run reaches")
    print(by_curve.to_string())
    print(f"\nFigure: {setting / 'accuracy.png'}   Table: {setting / 'summary.csv'}")


def accuracy_by_round(named: pd.DataFrame) -> pd.DataFrame:
    """Means and spreads over repeats, a row per curve and number of labels."""
    return (
        named.assign(labeled=PLAIN.x(named))
        .groupby(["curve", "labeled"], sort=False)
        .agg(
            repeats=(ACCURACY.column, "size"),
            test_accuracy_mean=(ACCURACY.column, "mean"),
            test_accuracy_std=(ACCURACY.column, "std"),
            train_seconds=("train_seconds", "mean"),
            evaluate_seconds=("evaluate_seconds", "mean"),
            select_seconds=("select_seconds", "mean"),
        )
    )


def accuracy_table(per_round: pd.DataFrame) -> pd.DataFrame:
    """Accuracy as text, a row per number of labels and a column per curve; the other way round for many."""
    accuracy = 100 * per_round[["test_accuracy_mean", "test_accuracy_std"]].to_numpy()
    text = pd.Series([spread(mean, std, 1) for mean, std in accuracy], per_round.index)
    table = text.unstack("curve", fill_value="").sort_index()[per_round.index.unique("curve")]
    if len(table.columns) > WIDE:
        return table.T.rename_axis(index=None, columns=None).reset_index(names="labels")
    return table.rename_axis(columns=None).reset_index(names="labels")


def by_strategy(named: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Efficiency and seconds as text, a row per curve; and the accuracy at which efficiency is read."""
    target = efficiency_table.common_level(named)
    ratios = efficiency_table.efficiencies(named, target)
    seconds = scores.per_run(named).groupby("curve", sort=False)[["train_seconds", "select_seconds"]].mean()
    return pd.DataFrame(
        {
            "labeling efficiency": [
                spread(row["mean"], row["std"], 2) + " (floor)" * row["is_floor"] if row["repeats"] else "no random run"
                for row in ratios.to_dict("records")
            ],
            "training": [f"{value:.1f} s" for value in seconds["train_seconds"]],
            "selection": [f"{value:.2f} s" for value in seconds["select_seconds"]],
        },
        index=ratios.index.rename(None),
    ), target
