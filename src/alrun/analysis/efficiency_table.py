"""Labeling efficiency in the table of results: of runs against random sampling with the same setting and seed."""

import math

import numpy as np
import pandas as pd

from alrun.analysis.curves import REFERENCE
from alrun.analysis.efficiency import Curve, labels_needed
from alrun.analysis.metrics import PLAIN, Reading
from alrun.analysis.scores import per_curve

KEYS = ["curve", "facet", "strategy", "seed"]  # columns that identify a run


def common_level(rounds: pd.DataFrame, reading: Reading = PLAIN) -> float:
    """The best value of the metric that every run reaches, so that efficiency is read where no run is left out."""
    better = reading.metric.better
    return better * float((better * rounds[reading.metric.column]).groupby(rounds["run"]).max().min())


def efficiency_at(rounds: pd.DataFrame, level: float, reading: Reading = PLAIN) -> pd.DataFrame:
    """A row per run: ``needed`` answers to reach ``level``, and ``efficiency`` against random of its facet and seed.

    By cost, ``needed`` is the cost of the answers. NaN if this run or its random run never reaches it, or without such
    a random run (``is_paired`` is false). If either has it in its first round, ``is_floor`` is true: less might be
    enough, so it is not a measurement.
    """
    return efficiency_of(run_curves(rounds, reading), reading.metric.better * level)


def run_curves(rounds: pd.DataFrame, reading: Reading = PLAIN) -> pd.DataFrame:
    """A row per run: curve, facet, strategy, seed, run, and its ``points``, of which higher ones are better."""
    metric = reading.metric
    narrow = rounds[[*KEYS, "run", "round"]]  # without the many settings
    narrow = narrow.assign(x=reading.x(rounds), height=metric.better * rounds[metric.column])
    rows = []
    for run, frame in narrow.sort_values("round", kind="stable").groupby("run", sort=False):
        points = Curve(frame["x"].to_numpy(), frame["height"].to_numpy())
        rows.append({**frame.iloc[0][KEYS].to_dict(), "run": run, "points": points})
    return pd.DataFrame(rows)


def efficiency_of(runs: pd.DataFrame, height: float) -> pd.DataFrame:
    """The table of ``efficiency_at``, from the table of ``run_curves``; ``height`` is on the scale of its points."""
    known = {
        "needed": [labels_needed(points, height) for points in runs["points"]],
        "begins": [bool(points.accuracy[0] >= height) for points in runs["points"]],
    }
    table = runs.assign(**known).drop(columns="points")
    references = table[table["strategy"] == REFERENCE].drop_duplicates(["facet", "seed"])
    references = references.set_index(["facet", "seed"])[["needed", "begins"]]
    references = references.reindex(pd.MultiIndex.from_frame(table[["facet", "seed"]]))
    return table.drop(columns="begins").assign(
        efficiency=references["needed"].to_numpy() / table["needed"].to_numpy(),
        is_paired=references["begins"].notna().to_numpy(),
        is_floor=table["begins"].to_numpy() | (references["begins"].to_numpy() == True),  # noqa: E712  (NaN)
    )


def efficiencies(rounds: pd.DataFrame, level: float, reading: Reading = PLAIN) -> pd.DataFrame:
    """``per_curve`` of the efficiency at ``level`` over the repeats that have a random run.

    More columns: ``unpaired``, the number of repeats without a random run, which are left out; ``is_floor``, true if
    any repeat is a floor.
    """
    found = efficiency_at(rounds, level, reading)
    by_curve = found.groupby("curve", sort=False)
    table = per_curve(found[found["is_paired"]], "efficiency").reindex(found["curve"].unique())
    table[["repeats", "missing"]] = table[["repeats", "missing"]].fillna(0).astype(int)
    return table.assign(
        unpaired=by_curve["is_paired"].agg(lambda paired: int((~paired).sum())), is_floor=by_curve["is_floor"].any()
    )


def efficiency_curves(rounds: pd.DataFrame, reading: Reading = PLAIN, points: int = 20) -> pd.DataFrame:
    """Mean and standard deviation of the efficiency over repeats, at values from a facet's first to its best.

    Columns: curve, facet, label, strategy, level, mean, std; NaN if one is never reached.
    """
    frames, better = [], reading.metric.better
    for _, frame in rounds.groupby("facet", sort=False):
        heights = better * frame[reading.metric.column]
        names = frame.drop_duplicates("curve").set_index("curve")[["facet", "label", "strategy"]]
        runs = run_curves(frame, reading)
        for height in np.linspace(heights[frame["round"] == 0].max(), heights.max(), points):
            found = efficiency_of(runs, float(height))
            values = found[found["is_paired"]].groupby("curve", sort=False)["efficiency"]
            spreads = values.agg(["mean", "std"])
            spreads[values.count() < values.size()] = math.nan
            frames.append(names.join(spreads).assign(level=better * height).reset_index())
    return pd.concat(frames, ignore_index=True)
