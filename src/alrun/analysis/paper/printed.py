"""The paper's printed tables beside ours. Its numbers are in table*.csv, transcribed from the paper.

Accuracies are compared after the same share of the final number of labels, so that experiments on a smaller scale,
which keep the paper's proportions, have rows too; columns give these numbers of labels.
"""

import math
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis.curves import GROUPS
from alrun.analysis.metrics import ACCURACY

TOLERANCE = 0.005  # of the share of the labels


class Table(NamedTuple):
    """A table of the paper."""

    title: str
    facet: str | None  # the group that it varies beside the strategy
    experiments: tuple[str, ...]  # that compute it
    setting: str = "CIFAR-10, ResNet-18"


TABLES = {
    "table1": Table("Table 1: AL batch size", "batch_size", ("batch_size/cifar10",)),
    "table2": Table("Table 2: seed set", "seed_set", ("seed_set/cifar10",)),
    "table11": Table("Table 11: selection times", None, ("baseline/mnist_low",), "MNIST, 50 to 150 labels"),
    "table12": Table("Table 12: times", "model_update", ("reset_update/cifar10",)),
    "table13": Table("Table 13: GRAD-MATCH", "dss", ("dss/cifar10",)),
}


def read_printed(name: str) -> pd.DataFrame:
    """The paper's numbers; accuracies in %, times in seconds."""
    with resources.files("alrun.analysis.paper").joinpath(f"{name}.csv").open() as file:
        return pd.read_csv(file, keep_default_na=False)


def compare_with_paper(name: str, rounds: pd.DataFrame) -> pd.DataFrame:
    """The paper's table ``name`` and ours of the same strategies and options; empty if we have none of its rows.

    For accuracies ``difference`` is ours minus the paper's, ``within`` whether it is at most the sum of both standard
    deviations (unknown for a single repeat). For times ``ratio`` is the paper's divided by ours.
    """
    rows = {"table11": selection_times, "table12": times}.get(name, accuracies)(name, rounds)
    known = [row for row in rows if not math.isnan(row["ours"])]
    return pd.DataFrame(rows) if known else pd.DataFrame()


def fitting(rounds: pd.DataFrame, experiments: Sequence[str] = ()) -> list[str]:
    """The tables that ``experiments`` compute, and those whose facet the runs vary as the paper does."""
    ours, found = with_options(rounds), []
    for name, table in TABLES.items():
        varied = table.facet is not None and len(set(ours[table.facet]) & set(read_printed(name)[table.facet])) > 1
        if varied or set(experiments) & set(table.experiments):
            found.append(name)
    return found


def accuracies(name: str, rounds: pd.DataFrame) -> list[dict]:
    """Rows of Tables 1, 2 and 13."""
    facet = TABLES[name].facet
    published = read_printed(name)
    final = published["labeled"].max()
    ours = with_options(rounds)
    rows = []
    for row in published.to_dict("records"):
        same = ours[(ours["strategy"] == row["strategy"]) & (ours[facet] == row[facet])]
        there = same[(same["labeled"] / same.groupby("run")["labeled"].transform("max") - row["labeled"] / final).abs()
                     <= TOLERANCE]  # fmt: skip
        values = 100 * there[ACCURACY.column]
        mean, std = values.mean(), values.std()
        difference = mean - row["mean"]
        rows.append(
            {
                "strategy": row["strategy"],
                facet: row[facet],
                "labels (paper)": row["labeled"],
                "paper": row["mean"],
                "paper_std": row["std"],
                "labels (ours)": "" if there.empty else "/".join(map(str, sorted(there["labeled"].unique()))),
                "ours": mean,
                "ours_std": std,
                "repeats": len(values),
                "difference": difference,
                "within": within(difference, row["std"], std),
            }
        )
    return rows


def within(difference: float, paper_std: float, std: float) -> str:
    """Whether a difference is at most the two spreads together."""
    if np.isnan(difference) or np.isnan(std):
        return "unknown"
    return "yes" if abs(difference) <= paper_std + std + 1e-9 else "no"


def with_options(rounds: pd.DataFrame) -> pd.DataFrame:
    """The table with the options of all facets; a batch size set as a number counts as the option of its proportion."""
    ours = rounds.assign(**{group: "" for group in GROUPS if group not in rounds})
    ours["seed_set"] = ours["seed_set"].replace("facility_location_untrained", "facility_location")  # its stand-in
    if "budget.batch_size" in ours:
        share = ours["budget.batch_size"].astype(float) / ours["budget.total"].astype(float) * 25000
        for size in (1000, 3000, 6000):
            ours.loc[(share / size - 1).abs() < 0.1, "batch_size"] = f"b{size}"
    return ours


def times(name: str, rounds: pd.DataFrame) -> list[dict]:
    """Rows of Table 12: the training of each round, and the selection before it."""
    ours = with_selection_before(with_options(rounds))
    rows = []
    for row in read_printed(name).to_dict("records"):
        same = ours[
            (ours["strategy"] == row["strategy"])
            & (ours["model_update"] == row["model_update"])
            & (ours["round"] == row["round"])
        ]
        values = same[row["phase"]]
        keys = {key: row[key] for key in ("strategy", "model_update", "phase", "round")}
        rows.append({**keys, **timed(row["seconds"], values)})
    return rows


def with_selection_before(rounds: pd.DataFrame) -> pd.DataFrame:
    """Rounds from 1 on, each with the seconds of the selection that it trains on: that of the round before."""
    rounds = rounds.sort_values("round", kind="stable")
    before = rounds.groupby("run")["select_seconds"].shift()
    return rounds.assign(select_seconds=before)[rounds["round"] > 0]


def selection_times(name: str, rounds: pd.DataFrame) -> list[dict]:
    """Rows of Table 11: mean seconds of a selection."""
    last = rounds.groupby("run")["round"].transform("max")
    ours = rounds[rounds["round"] < last]
    return [
        {"strategy": row["strategy"], **timed(row["seconds"], of_runs(ours[ours["strategy"] == row["strategy"]]))}
        for row in read_printed(name).to_dict("records")
    ]


def of_runs(rounds: pd.DataFrame) -> pd.Series:
    """Mean seconds of a selection in every run."""
    return rounds.groupby("run")["select_seconds"].mean()


def timed(published: float, values: pd.Series) -> dict:
    """The columns of a row of times."""
    mean = float(values.mean()) if len(values) else math.nan
    ratio = published / mean if mean else math.nan
    return {"paper": published, "ours": mean, "ours_std": values.std(), "repeats": len(values), "ratio": ratio}


def explain_comparison(name: str, named: pd.DataFrame) -> str:
    """A text on the settings of the paper's table and of ours."""
    known = [name for name in ("dataset", "model") if name in named]
    pairs = named[known].drop_duplicates().agg(", ".join, axis="columns") if known else ["an unknown data set"]
    ours = "; ".join(sorted(pairs))
    scale = named["share.examples"].iloc[0] if "share.examples" in named else ""
    if name == "table2" and "seed_set" in named and (named["seed_set"] == "facility_location_untrained").any():
        ours += "; the seed set was chosen by the network before its training, not by a pretrained one"
    part = "" if scale in ("", "1", "1.0") else f", on {100 * float(scale):g} % of the data"
    return (
        f"The paper: {TABLES[name].setting}. Ours: {ours}{part}. Where these differ, compare the pattern, not "
        "the numbers. A difference is within if it is at most the sum of both standard deviations."
    )


def with_two_decimals(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text with two decimals; NaN becomes empty."""
    numbers = table.select_dtypes("float").columns
    return table.assign(
        **{column: ["" if math.isnan(value) else f"{value:.2f}" for value in table[column]] for column in numbers}
    )
