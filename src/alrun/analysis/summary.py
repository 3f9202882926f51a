"""The table and figure of one setting: all of its strategies side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alrun import files
from alrun.analysis import efficiency, figures
from alrun.run_folder import is_done, reading

WIDE = 7  # more strategies than that do not fit beside one another


def gather(runs: Sequence[Path]) -> pd.DataFrame:
    """One row per run and round of the finished runs in ``runs``: accuracy.csv and timing.csv, and whose they are.

    Column ``strategy`` is a name that tells strategies apart, ``option`` the strategy's option, ``run`` the folder.
    """
    done = [run for run in runs if is_done(run)]
    metas = [read_meta(run) for run in done]
    frames = []
    for run, meta, name in zip(done, metas, strategy_names(metas), strict=True):
        keys = ["round", "labeled"]
        frame = read_table(run / "accuracy.csv", keys).merge(read_table(run / "timing.csv", keys), on=keys)
        option = meta["options"]["strategy"]
        frames.append(frame.assign(strategy=name, option=option, seed=meta["seed"], run=run.name))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def read_meta(run: Path) -> dict[str, Any]:
    """The content of run.json.

    Raises:
        UserError: The file is damaged.
    """
    path = run / "run.json"
    with reading(path):
        return json.loads(path.read_text())


def read_table(path: Path, keys: list[str]) -> pd.DataFrame:
    """A CSV with the columns ``keys`` and others.

    Raises:
        UserError: The file is damaged.
    """
    with reading(path):
        return pd.read_csv(path).astype(dict.fromkeys(keys, int))


def strategy_names(metas: Sequence[dict[str, Any]]) -> list[str]:
    """A legend text for every run.json: its ``variant`` or else its option, and the settings that tell it from others.

    Two runs have the same text only if their strategies have the same settings.
    """
    names = [meta["variant"] or meta["options"]["strategy"] for meta in metas]
    texts = []
    for name, meta in zip(names, metas, strict=True):
        namesakes = [other["strategy"] for other, same in zip(metas, names, strict=True) if same == name]
        differing = [key for key, value in meta["strategy"].items() if any(o.get(key) != value for o in namesakes)]
        settings = ", ".join(f"{key}={meta['strategy'][key]}" for key in differing)
        texts.append(f"{name} ({settings})" if settings else name)
    return texts


def summarize(setting: Path, runs: Sequence[Path]) -> None:
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
    files.write_text(setting / "summary.csv", per_round.reset_index().to_csv(index=False))
    figures.accuracy_curves(rounds, setting / "accuracy.png")
    print(f"\nTest accuracy in %, mean ± standard deviation over repeats ({setting.name})")
    print(accuracy_table(per_round).to_string(index=False))
    print(f"\nPer run; labeling efficiency at {100 * target:.1f} % accuracy, which every run reaches")
    print(table.to_string())
    print(f"\nFigure: {setting / 'accuracy.png'}   Table: {setting / 'summary.csv'}")


def accuracy_table(per_round: pd.DataFrame) -> pd.DataFrame:
    """Accuracy as text, a row per number of labels and a column per strategy; the other way round for many."""
    accuracy = 100 * per_round[["test_accuracy_mean", "test_accuracy_std"]].to_numpy()
    text = pd.Series([spread(mean, std, 1) for mean, std in accuracy], per_round.index)
    table = text.unstack("strategy", fill_value="").sort_index()[per_round.index.unique("strategy")]
    if len(table.columns) > WIDE:
        return table.T.rename_axis(index=None, columns=None).reset_index(names="labels")
    return table.rename_axis(columns=None).reset_index(names="labels")


def by_strategy(rounds: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Efficiency and seconds as text, a row per strategy; and the accuracy at which efficiency is read.

    That is the lowest of all runs' best accuracies, so that no run is left out.
    """
    per_run = rounds.groupby("run", sort=False).agg(
        strategy=("strategy", "first"),
        option=("option", "first"),
        seed=("seed", "first"),
        best=("test_accuracy", "max"),
        training=("train_seconds", "sum"),
        selection=("select_seconds", "sum"),
    )
    target = float(per_run["best"].min())
    needed = {
        str(run): efficiency.labels_needed(
            efficiency.Curve(frame["labeled"].to_numpy(), frame["test_accuracy"].to_numpy()), target
        )
        for run, frame in rounds.groupby("run", sort=False)
    }
    per_run["labels"] = pd.Series(needed)
    references = per_run[per_run["option"] == "random"].set_index("seed")["labels"]
    per_run["efficiency"] = per_run["seed"].map(references) / per_run["labels"]
    table = per_run.groupby("strategy", sort=False).agg(
        mean=("efficiency", "mean"),
        std=("efficiency", "std"),
        training=("training", "mean"),
        selection=("selection", "mean"),
    )
    ratios = [spread(mean, std, 2) for mean, std in table[["mean", "std"]].to_numpy()]
    text = pd.DataFrame(
        {
            "labeling efficiency": [ratio or "no random run" for ratio in ratios],
            "training": [f"{seconds:.1f} s" for seconds in table["training"]],
            "selection": [f"{seconds:.2f} s" for seconds in table["selection"]],
        },
        index=table.index.rename(None),
    )
    return text, target


def spread(mean: float, std: float, digits: int) -> str:
    """``12.3 ± 0.4``; without the spread where there is only one repeat, empty where there is none."""
    if np.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" if np.isnan(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"
