"""The baselines of all data sets side by side."""

import pandas as pd

from alrun.analysis.curves import name_curves
from alrun.analysis.intervals import spread
from alrun.analysis.scores import common_level, efficiency_at, per_run

WORDS = (
    "Final accuracy in % and, in brackets, labeling efficiency at the accuracy that all runs of the row reach; "
    "mean ± standard deviation over repeats."
)


def baselines(rounds: pd.DataFrame) -> list[dict[str, str]]:
    """A row per data set and network, a column per strategy."""
    plain = rounds[
        (rounds["redundancy"] == "none")
        & (rounds["per_class_cap"] == "none")
        & (rounds["seed_set"] == "random")
        & (rounds["dss"] == "none")
        & (rounds["training.reset"] == "true")
        & (rounds["optimizer"] == "sgd")
        & (rounds["augmentation"] != "none")
    ]
    rows = []
    columns = {"dataset": "data set", "model": "network", "budget.batch_size": "labels a round"}
    columns |= {"training.max_epochs": "epochs"}
    for keys, part in plain.groupby(list(columns), sort=False):
        named = name_curves(part)
        scores = per_run(named).merge(efficiency_at(named, common_level(named))[["run", "efficiency"]], on="run")
        row = {
            "data set": str(keys[0]),
            "network": str(keys[1]),
            "labels a round": str(keys[2]),
            "epochs": str(keys[3]),
        }
        for strategy, frame in scores.groupby("strategy", sort=False):
            accuracy = spread(100 * float(frame["final"].mean()), 100 * float(frame["final"].std()), 1)
            ratio = spread(float(frame["efficiency"].mean()), float(frame["efficiency"].std()), 2)
            row[str(strategy)] = f"{accuracy} ({ratio})"
        rows.append(row)
    return rows
