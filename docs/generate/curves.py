"""Accuracy and labeling efficiency side by side: the figure of the README. Its title comes from the table."""

from typing import TYPE_CHECKING

import pandas as pd

from alrun.analysis import efficiency_table, figure_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def title(table: pd.DataFrame) -> str:
    """The title: data, network, repeats, hardware.

    Raises:
        ValueError: The table has several data sets, networks or machines, so one title would be wrong.
    """
    runs = table.drop_duplicates("run")
    ((data, model, device, hardware),) = set(
        runs[["dataset", "model", "device", "hardware"]].itertuples(index=False, name=None)
    )
    where = f"one thread of an {hardware}" if device == "cpu" else hardware
    repeats = runs.groupby("strategy").size().min()
    return f"{data}, {model}, {repeats} repeats, {where}; bands: one standard deviation"


@figure_style.styled
def both(named: pd.DataFrame) -> "Figure":
    """Accuracy against labels, and labeling efficiency against accuracy, side by side."""
    from matplotlib.figure import Figure

    accuracy = (100 * named.set_index(["label", "labeled"])["test_accuracy"]).groupby(level=[0, 1], sort=False)
    accuracy = accuracy.agg(["mean", "std"]).reset_index()
    efficiency = efficiency_table.efficiency_curves(named).dropna(subset="mean")
    efficiency = efficiency.assign(accuracy=100 * efficiency["level"])
    figure = Figure(figsize=(figure_style.PAGE, 2.7))
    left, right = figure.subplots(1, 2)
    panel(left, accuracy, "labeled")
    left.set(xlabel="labeled examples", ylabel="test accuracy (%)")
    panel(right, efficiency, "accuracy")
    right.set(xlabel="test accuracy (%)", ylabel="labeling efficiency")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.supxlabel(title(named), fontsize=7)
    return figure


def panel(axes: "Axes", table: pd.DataFrame, x: str) -> None:
    """A line for each strategy, and a band of one standard deviation."""
    styles = figure_style.line_styles(list(table["label"].unique()))
    for name, frame in table.groupby("label", sort=False):
        style = styles[str(name)]
        axes.plot(frame[x], frame["mean"], label=str(name), **style)
        low, high = frame["mean"] - frame["std"], frame["mean"] + frame["std"]
        axes.fill_between(frame[x], low, high, color=style["color"], alpha=0.15, lw=0)
