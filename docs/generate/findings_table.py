"""The runs of docs/evidence/findings.md: parts of a table of results, and their numbers by strategy and seed."""

from collections.abc import Sequence

import pandas as pd

from alrun.analysis.curves import name_curves
from alrun.analysis.scores import common_level, efficiency_at
from alrun.system.errors import UserError

ACTIVE = ("entropy", "badge")


class Table:
    """The rounds of many runs, and parts of them by what an experiment changes of CIFAR-10's baseline."""

    def __init__(self, rounds: pd.DataFrame) -> None:
        self.rounds = rounds
        self.used: list[pd.DataFrame] = []  # the parts that a measure has read
        share = float(rounds.get("share.examples", pd.Series(["1"])).replace("", "1").iloc[0])
        self.batch = {number: str(round(number * share)) for number in (1000, 3000, 6000)}
        cifar = rounds[rounds["dataset"] == "cifar10"]
        epochs = cifar["training.max_epochs"].astype(int)
        self.base = {
            "dataset": "cifar10",
            "model": "resnet18" if (cifar["model"] == "resnet18").any() else "small_cnn",
            "optimizer": "sgd",
            "augmentation": "crop_flip",
            "redundancy": "none",
            "per_class_cap": "none",
            "seed_set": "random",
            "budget.batch_size": self.batch[3000],
            "training.reset": "true",
            "dss": "none",
            "training.max_epochs": str(epochs.mode()[0]),
        }

    def part(self, strategies: Sequence[str] | None = ("random", *ACTIVE), **changed: object) -> pd.DataFrame:
        """Rounds with the options of the baseline except ``changed`` (a list: any of these; None: any).

        Dots of settings are written as two underscores.

        Raises:
            UserError: There are no such rounds.
        """
        wanted = self.base | {key.replace("__", "."): value for key, value in changed.items()}
        part = self.rounds
        for column, value in wanted.items():
            if value is not None:
                part = part[part[column].isin(value if isinstance(value, list) else [value])]
        if strategies is not None:
            part = part[part["strategy"].isin(strategies)]
        if part.empty:
            raise UserError("these experiments were not run")
        self.used.append(part)
        return part


def mean_of(part: pd.DataFrame, first: int = 0, last: int | None = None) -> pd.Series:
    """Mean accuracy in % over the rounds from ``first`` to ``last`` of every run, by strategy and seed."""
    chosen = part[(part["round"] >= first) & (part["round"] <= (part["round"].max() if last is None else last))]
    return 100 * chosen.groupby(["strategy", "seed"])["test_accuracy"].mean()


def final(part: pd.DataFrame) -> pd.Series:
    """Accuracy in % after the last round, by strategy and seed."""
    return mean_of(part[part["labeled"] == part["labeled"].max()])


def efficiency(part: pd.DataFrame, *by: str) -> pd.Series:
    """Labeling efficiency at the accuracy that all of ``part`` reach, by strategy, seed and columns ``by``."""
    named = name_curves(part)
    found = efficiency_at(named, common_level(named)).set_index("run")
    columns = part.drop_duplicates("run").set_index("run")[list(by)]
    return found.join(columns).groupby(["strategy", "seed", *by])["efficiency"].mean()


def batches(table: Table) -> pd.DataFrame:
    """The rounds of all AL batch sizes at the numbers of labels that they share."""
    part = table.part(budget__batch_size=list(table.batch.values()))
    sizes = part.groupby("labeled")["budget.batch_size"].nunique()
    if sizes.max() < len(table.batch):
        raise UserError("these experiments were not run")
    return part[part["labeled"].isin(sizes[sizes == len(table.batch)].index)]
