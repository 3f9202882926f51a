"""Figures. Each is drawn from the table of results with named curves (analysis.curves), or numbers computed from it."""

import math
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alrun.analysis import scores
from alrun.analysis.figure_style import BANDED, COLORS, COLUMN, PAGE, annotate, bare, line_styles, styled
from alrun.analysis.metrics import ACCURACY, PLAIN, Metric, Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 30  # of a figure, in rows of three
ROWS = 60  # of a figure with a row for each curve: with more it is longer than a page
LEGIBLE = 20  # lines, or rows of a matrix, that a reader can still distinguish


@styled
def lines(
    table: pd.DataFrame,
    x: str,
    panel: str,
    line: str,
    xlabel: str,
    ylabel: str,
    share: bool = True,
    log: bool = False,
    high: float = math.inf,
) -> "Figure":
    """A panel for each value of ``panel``, a line for each of ``line``: ``mean`` by ``x``, and a band of ``std``.

    Values lie between 0 and ``high``, and so does the band.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels, names = list(table[panel].unique()), list(table[line].unique())
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    longest = max(map(len, names))
    in_legend = max(1, int((COLUMN if columns == 1 else PAGE) / (0.075 * longest + 0.5)))
    height = (2.3 if rows <= 3 else 1.7) * rows + 0.16 * -(-len(names) // in_legend)
    figure = Figure(figsize=(COLUMN if columns == 1 else PAGE, height))
    grid = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False)
    styles = line_styles(names)
    handles = {}
    for axes, value in zip(grid.flat, panels, strict=False):
        for name, frame in table[table[panel] == value].groupby(line, sort=False):
            frame = frame.sort_values(x)
            (handles[name],) = axes.plot(frame[x], frame["mean"], **styles[str(name)])
            if len(names) <= BANDED and frame["std"].notna().any():
                upper = frame["mean"] + frame["std"]
                # On a log axis as far below the mean as above it, because mean - std may be negative.
                lower = frame["mean"] ** 2 / upper if log else frame["mean"] - frame["std"]
                axes.fill_between(
                    frame[x],
                    lower.clip(lower=0),
                    upper.clip(upper=high),
                    color=styles[str(name)]["color"],
                    alpha=0.15,
                    lw=0,
                )
        if len(panels) > 1:
            axes.set_title(fill(str(value), 36), fontsize=8 if len(str(value)) <= 36 else 7)
        if log:
            log_scale(axes)
        axes.xaxis.set_major_locator(MaxNLocator(5 if columns == 1 else 4))
        if share:
            axes.label_outer()
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(xlabel, fontsize=8)
    figure.supylabel(ylabel, fontsize=8)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=in_legend)
    return figure


def log_scale(axes: "Axes") -> None:
    """Make the y axis logarithmic, with at least two labeled ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    axes.set_yscale("log", nonpositive="mask")
    low, high = axes.get_ylim()
    for locator in (LogLocator(), LogLocator(subs=(1, 2, 5)), MaxNLocator(4)):
        axes.yaxis.set_major_locator(locator)
        if sum(low <= tick <= high for tick in axes.get_yticks()) >= 2:
            break
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def measure(rounds: pd.DataFrame, reading: Reading = PLAIN, by: str = "facet") -> "Figure":
    """A metric against labels or their cost, mean and a band of one standard deviation over repeats.

    A panel per setting and a line per strategy, or the other way round. A point is a number of labels: its place by
    cost is the mean over repeats.
    """
    metric, (panel, line) = reading.metric, ("facet", "label") if by == "facet" else ("label", "facet")
    table = rounds[[panel, line]].assign(
        answers=PLAIN.x(rounds), x=reading.x(rounds), value=metric.scale * rounds[metric.column]
    )
    groups = table.groupby([panel, line, "answers"], sort=False)
    points = groups["value"].agg(["mean", "std"]).assign(x=groups["x"].mean()).reset_index()
    high = metric.scale * metric.high
    return lines(points, "x", panel, line, reading.xlabel(rounds), metric.axis, high=high)


def efficiency(curves: pd.DataFrame, metric: Metric = ACCURACY) -> "Figure":
    """Labeling efficiency against the metric, from ``efficiency_curves``; better values are on the right."""
    table = curves.assign(level=metric.scale * curves["level"])
    figure = lines(table, "level", "facet", "label", metric.axis, "labeling efficiency")
    if metric.better < 0:
        figure.axes[0].invert_xaxis()  # the panels share it
    return figure


def seconds(rounds: pd.DataFrame) -> "Figure":
    """Time of each round: a panel for training, selection and evaluation."""
    chosen = [column for column in scores.SECONDS if column in rounds]
    table = (
        rounds.assign(labeled=PLAIN.x(rounds))
        .melt(["curve", "round", "labeled"], chosen, "phase", "seconds")
        .replace({"phase": scores.SECONDS})
    )
    last = table.groupby("curve")["round"].transform("max")
    table = table[(table["phase"] != "selection") | (table["round"] < last)]  # the last round selects nothing
    table = table.groupby(["phase", "curve", "labeled"], sort=False)["seconds"].agg(["mean", "std"]).reset_index()
    wide_range = table["mean"].max() > 50 * table["mean"].clip(lower=1e-3).min()
    return lines(table, "labeled", "phase", "curve", PLAIN.xlabel(rounds), "seconds per round", False, bool(wide_range))


@styled
def matrix(values: pd.DataFrame, title: str) -> "Figure":
    """A penalty matrix: how often the row is better than the column."""
    from matplotlib.figure import Figure

    count, longest = len(values), max(map(len, values.index))
    label = 0.06 * longest + 0.2
    cell = max(0.24, min(0.45, (PAGE - label) / count))
    figure = Figure(figsize=(max(COLUMN, label + cell * count + 0.5), max(1.6, label + cell * count + 0.4)))
    axes = figure.subplots()
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    annotate(image, values.to_numpy(), "{:.2f}", 7 if cell > 0.35 else 6)
    axes.set_xticks(range(count), values.columns, rotation=90)
    axes.set_yticks(range(count), values.index)
    bare(axes)
    axes.set_title(title)
    return figure


@styled
def classes(rounds: pd.DataFrame) -> "Figure":
    """Test accuracy of each class at the common end of its setting, and each class's share of the queried labels."""
    from matplotlib.figure import Figure

    accuracy, queried = scores.class_tables(rounds)
    wide = len(accuracy.columns) > 20
    height = 0.2 * len(accuracy) + 0.75
    figure = Figure(figsize=(PAGE, 2 * height if not wide else 2 * height - 0.2))
    upper, lower = figure.subplots(2, 1)
    for axes, table, title in zip(
        (upper, lower), (accuracy, queried), ("test accuracy (%)", "share of the queried labels (%)"), strict=True
    ):
        image = axes.imshow(100 * table, cmap="viridis", aspect="auto")
        if not wide:
            annotate(image, 100 * table.to_numpy(), "{:.0f}")
            long = max(len(str(name)) for name in table.columns) > 3
            turned = {"rotation": 45, "ha": "right"} if long else {}
            axes.set_xticks(range(len(table.columns)), [shorten(str(name)) for name in table.columns], **turned)
        else:
            figure.colorbar(image, ax=axes)
        axes.set_yticks(range(len(table)), table.index)
        axes.set_title(title)
        bare(axes)
    lower.set_xlabel("class")
    return figure


def shorten(name: str, most: int = 16) -> str:
    """A name that fits below a column."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


@styled
def differences(pairs: pd.DataFrame, reference: str, xlabel: str, scale: float = 100) -> "Figure":
    """Differences from one curve with their t intervals, by default in percentage points."""
    from matplotlib.figure import Figure

    names = [fill(name, 44) for name in pairs["first"]]
    longest = max(len(line) for name in names for line in name.split("\n"))
    tall = 0.22 if not any("\n" in name for name in names) else 0.32
    figure = Figure(figsize=(max(COLUMN, 2 + 0.06 * longest), tall * len(pairs) + 0.7))
    axes = figure.subplots()
    places = np.arange(len(pairs))[::-1]
    mean = scale * pairs["difference"]
    error = [mean - scale * pairs["t_low"], scale * pairs["t_high"] - mean]
    axes.errorbar(mean, places, xerr=error, fmt="o", color=COLORS[0], capsize=2, ms=4)
    axes.axvline(0, color="black", lw=0.8, ls="--")
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.set(xlabel=xlabel)
    axes.set_title(f"compared with {reference}")
    return figure


@styled
def critical_difference(ranks: pd.Series, p: pd.DataFrame, title: str) -> "Figure":
    """Mean ranks over data sets; a bar joins strategies that Nemenyi's test cannot distinguish."""
    import scikit_posthocs
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN + 1.6, 0.2 * len(ranks) + 0.9))
    axes = figure.subplots()
    palette = {str(name): "#000000" for name in ranks.index}
    scikit_posthocs.critical_difference_diagram(ranks, p, ax=axes, color_palette=palette)
    axes.set_title(title)
    return figure
