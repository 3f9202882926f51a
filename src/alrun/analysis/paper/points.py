"""The points of a figure as one table: ours from the runs' results, and the paper's digitized ones.

Columns: ``panel``, ``kind``, ``whose`` (``ours`` or ``paper``), ``series``, ``x``, ``mean``, ``std``, ``repeats``. In a
matrix ``series`` is the row, ``x`` the column and ``mean`` the share of the rounds in which the row is better.
"""

import math
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from alrun.analysis import significance
from alrun.analysis.efficiency import Curve, accuracy_grid, labeling_efficiency
from alrun.analysis.metrics import ACCURACY
from alrun.analysis.paper.collect import Collected
from alrun.analysis.paper.exhibits import FIGURES, Panel, Part

COLUMNS = ["panel", "kind", "whose", "series", "x", "mean", "std", "repeats"]


@cache
def digitized() -> pd.DataFrame:
    """The paper's curves: figure, panel, kind, series, x, y."""
    with resources.files("alrun.analysis.paper").joinpath("curves.csv").open() as file:
        return pd.read_csv(file)


def of_figure(name: str, there: Collected) -> pd.DataFrame:
    """All points of a figure."""
    frames = [
        each.assign(panel=panel.title, kind=panel.kind)
        for row in FIGURES[name].panels
        for panel in row
        for each in (ours(panel, there), papers(name, panel))
        if len(each)
    ]
    return pd.concat(frames, ignore_index=True).reindex(columns=COLUMNS) if frames else pd.DataFrame(columns=COLUMNS)


def papers(name: str, panel: Panel) -> pd.DataFrame:
    """The digitized points of a panel; accuracies in %."""
    every = digitized()
    chosen = every[(every["figure"] == name) & (every["panel"] == panel.title) & (every["kind"] == panel.kind)]
    is_ratio = panel.kind == "efficiency"
    x = 100 * chosen["x"] if is_ratio else chosen["x"]
    y = chosen["y"] if is_ratio else 100 * chosen["y"]
    found = pd.DataFrame({"whose": "paper", "series": chosen["series"], "x": x, "mean": y, "std": math.nan})
    if not is_of_either(panel):
        return found
    return found.assign(series=found["series"].str.partition("_")[0]).drop_duplicates(["series", "x", "mean"])


def is_of_either(panel: Panel) -> bool:
    """Whether the paper distinguishes two settings of a strategy by dashes alone, as in its Figures 2, 3, 6 and 12.

    Its markers are the same there, so it is unknown which setting a digitized point belongs to: curves.csv has the same
    point for both or changes from one curve to the other. Such a point has its strategy's name as series.
    """
    return panel.kind == "accuracy" and len(panel.parts) > 1


def ours(panel: Panel, there: Collected) -> pd.DataFrame:
    """The points of our runs."""
    if panel.kind == "matrix":
        return matrix(panel, there)
    compute = {"accuracy": accuracies, "relative": relative, "efficiency": efficiencies}[panel.kind]
    frames = [compute(part, frame) for part in panel.parts if len(frame := there.of(part))]
    return pd.concat(frames, ignore_index=True).assign(whose="ours") if frames else pd.DataFrame()


def accuracies(part: Part, table: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy (%) after each round."""
    return statistics(table.assign(value=100 * table[ACCURACY.column]))


def statistics(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and number of repeats of ``value`` by series and number of labels."""
    found = table.groupby(["series", "labeled"], sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    return found.rename(columns={"labeled": "x", "count": "repeats"})


def relative(part: Part, table: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy minus that of random sampling with the same seed, in percentage points."""
    keys = ["seed", "labeled"]
    reference = table[table["series"] == part.series("random")].set_index(keys)[ACCURACY.column]
    others = table[table["series"] != part.series("random")]
    paired = others.join(reference.rename("random"), on=keys, how="inner")
    return statistics(paired.assign(value=100 * (paired[ACCURACY.column] - paired["random"])))


def efficiencies(part: Part, table: pd.DataFrame) -> pd.DataFrame:
    """Labeling efficiency of the mean curves, at accuracies (%) from random sampling's first to its best."""
    repeats = table.groupby("series")["seed"].nunique()
    mean = table.groupby(["series", "labeled"])[ACCURACY.column].mean()
    curves = {str(name): curve_of(mean.loc[name]) for name in table["series"].unique()}
    if (random := curves.pop(part.series("random"), None)) is None:
        return pd.DataFrame()
    rows = [
        {
            "series": name,
            "x": 100 * accuracy,
            "mean": labeling_efficiency(curve, random, accuracy),
            "std": math.nan,
            "repeats": min(repeats[name], repeats[part.series("random")]),
        }
        for name, curve in curves.items()
        for accuracy in accuracy_grid(random)
    ]
    return pd.DataFrame(rows)


def curve_of(mean: pd.Series) -> Curve:
    """A curve from mean accuracies by number of labels."""
    return Curve(mean.index.to_numpy(), mean.to_numpy(float))


def matrix(panel: Panel, there: Collected) -> pd.DataFrame:
    """The cells of a penalty matrix, NaN if nothing could be tested."""
    frames = [frame for part in panel.parts if len(frame := there.of(part))]
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames, ignore_index=True)
    table = table.assign(curve=table["series"])
    curves = [name for name in panel.shown if name in set(table["curve"])]
    if panel.common:
        has = table.groupby("labeled")["curve"].nunique()
        table = table[table["labeled"].isin(has[has == len(curves)].index)]
    tests = significance.round_tests(table)
    cells = significance.penalty_matrix(tests, curves, rounds=panel.rounds)
    repeats = int(table.groupby("curve")["seed"].nunique().min()) if len(table) else 0
    rows = [
        {"series": one, "x": other, "mean": cells.loc[one, other], "std": math.nan, "repeats": repeats}
        for one in curves
        for other in curves
    ]
    return pd.DataFrame(rows).assign(whose="ours")


def cells_of(points: pd.DataFrame, title: str) -> pd.DataFrame:
    """The matrix of a panel as a square table."""
    chosen = points[(points["panel"] == title) & (points["kind"] == "matrix")]
    names = list(dict.fromkeys(chosen["series"]))
    values = np.array(chosen["mean"], float).reshape(len(names), len(names))
    return pd.DataFrame(values, names, names)
