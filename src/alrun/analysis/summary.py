"""The table and figure of one setting: all of its strategies side by side."""

import json
import logging
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from alrun.analysis import efficiency, figures

log = logging.getLogger(__name__)


def gather(runs: Collection[Path]) -> pd.DataFrame:
    """One row per run and round of the finished runs in ``runs``: accuracy.csv and timing.csv with labels."""
    frames = []
    for run in sorted(run for run in runs if (run / "done").exists()):
        meta = json.loads((run / "run.json").read_text())
        frame = pd.read_csv(run / "accuracy.csv").merge(pd.read_csv(run / "timing.csv"), on=["round", "labeled"])
        frames.append(frame.assign(strategy=meta["options"]["strategy"], seed=meta["seed"], run=run.name))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def summarize(setting: Path, runs: Collection[Path]) -> None:
    """Print the table of ``runs``, all in the folder ``setting``, and write summary.csv and accuracy.png there."""
    rounds = gather(runs)
    if rounds.empty:
        return
    per_round = rounds.groupby(["strategy", "labeled"], sort=False).agg(
        repeats=("test_accuracy", "size"),
        test_accuracy_mean=("test_accuracy", "mean"),
        test_accuracy_std=("test_accuracy", "std"),
        train_seconds=("train_seconds", "mean"),
        evaluate_seconds=("evaluate_seconds", "mean"),
        select_seconds=("select_seconds", "mean"),
    )
    table, target = by_strategy(rounds)
    per_round.reset_index().to_csv(setting / "summary.csv", index=False)
    figures.accuracy_curves(rounds, setting / "accuracy.png")
    print(f"\nTest accuracy in %, mean ± standard deviation over repeats ({setting.name})")
    print(accuracy_table(per_round).to_string())
    print(f"\nPer run; labeling efficiency at {100 * target:.1f} % accuracy, which every run reaches")
    print(table.to_string())
    print(f"\nFigure: {setting / 'accuracy.png'}   Table: {setting / 'summary.csv'}")


def accuracy_table(per_round: pd.DataFrame) -> pd.DataFrame:
    """Accuracy as text, a row per number of labels and a column per strategy."""
    text = [
        spread(100 * mean, 100 * std, 1)
        for mean, std in zip(per_round.test_accuracy_mean, per_round.test_accuracy_std, strict=True)
    ]
    table = pd.Series(text, per_round.index).unstack("strategy").sort_index()
    table = table[per_round.index.unique("strategy")]
    table.index.name = "labels"
    table.columns.name = None
    return table.fillna("")


def by_strategy(rounds: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Efficiency and seconds as text, a row per strategy; and the accuracy at which efficiency is read.

    That is the lowest of all runs' best accuracies, so that no run is left out.
    """
    target = float(rounds.groupby("run").test_accuracy.max().min())
    curves = {
        key: efficiency.Curve(frame.labeled.to_numpy(), frame.test_accuracy.to_numpy())
        for key, frame in rounds.groupby(["strategy", "seed"], sort=False)
    }
    rows = {}
    for strategy, frame in rounds.groupby("strategy", sort=False):
        ratios = [
            efficiency.labeling_efficiency(curves[strategy, seed], curves["random", seed], target)
            for seed in frame.seed.unique()
            if ("random", seed) in curves
        ]
        seconds = frame.groupby("seed")[["train_seconds", "select_seconds"]].sum()
        rows[strategy] = {
            "labeling efficiency": spread(np.mean(ratios), np.std(ratios, ddof=1), 2) if ratios else "no random run",
            "training": f"{seconds.train_seconds.mean():.1f} s",
            "selection": f"{seconds.select_seconds.mean():.2f} s",
        }
    return pd.DataFrame.from_dict(rows, orient="index"), target


def spread(mean: float, std: float, digits: int) -> str:
    """``12.3 ± 0.4``; without the spread where there is only one repeat."""
    return f"{mean:.{digits}f}" if np.isnan(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"
