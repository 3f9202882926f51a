"""The figures of the paper in its layout: its own points are hollow, ours are lines."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from alrun.analysis import figure_style
from alrun.analysis.paper.exhibits import EIGHT, FIGURES, LOW, SHOWN, Panel
from alrun.analysis.paper.points import cells_of, is_of_either

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {
    "accuracy": ("labeled examples", "test accuracy (%)"),
    "relative": ("labeled examples", "accuracy less random's (points)"),
    "efficiency": ("test accuracy (%)", "labeling efficiency"),
}
PAPERS = "the paper's"
DASHES = ("-", "--", ":", "-.")
COLORS = figure_style.line_styles([*EIGHT, *LOW[len(EIGHT) :]])  # a strategy looks the same in all figures


@figure_style.styled
def draw_figure(name: str, points: pd.DataFrame, note: str = "") -> "Figure":
    """Draw the table of ``points.of_figure``; ``note`` stands above."""
    from matplotlib.figure import Figure

    rows = FIGURES[name].panels
    is_matrix = rows[0][0].kind == "matrix"
    columns = max(map(len, rows))
    width = figure_style.PAGE if columns > 1 else figure_style.COLUMN + 1
    height = (2.6 if is_matrix else 2.1 if columns > 2 else 2.6) * len(rows) + 0.9
    drawn = Figure(figsize=(width, height))
    grid = drawn.subplots(len(rows), columns, squeeze=False)
    settings = dict.fromkeys(part.name for panels in rows for panel in panels for part in panel.parts)
    dashes: dict[str, str] = dict(zip(settings, DASHES, strict=False)) if len(settings) > 1 else {}
    handles: dict[str, Any] = {}
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            axes = grid[row][column]
            axes.set_title(panel.title)
            chosen = points[(points["panel"] == panel.title) & (points["kind"] == panel.kind)]
            if panel.kind == "matrix":
                square(axes, cells_of(points, panel.title))
            else:
                curves(axes, panel, chosen, dashes, handles)
                xlabel, ylabel = LABELS[panel.kind]
                axes.set_xlabel(xlabel)
                axes.set_ylabel(ylabel if column == 0 or panel.kind != panels[column - 1].kind else "")
            if not (chosen["whose"] == "ours").any():
                axes.set_title(f"{panel.title}\n(no run of ours yet)")
    if handles:
        handles = {name: handle for name, handle in sorted(handles.items(), key=lambda each: each[0] == PAPERS)}
        drawn.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=max(2, int(width // 1.5)),
            fontsize=7,
            handlelength=3.5,  # dashes show between markers
        )
    drawn.suptitle(note, fontsize=7)
    return drawn


def curves(axes: "Axes", panel: Panel, points: pd.DataFrame, dashes: dict[str, str], handles: dict[str, Any]) -> None:
    """The lines of one panel, dashed by setting; ``handles`` collects those for the legend."""
    for part in panel.parts:
        for strategy in part.strategies:
            name = part.series(strategy)
            if name not in panel.shown:
                continue
            style = {**COLORS[SHOWN.get(strategy, strategy)]}
            style["linestyle"] = dashes.get(part.name, style["linestyle"])
            handles[name] = axes.plot([], [], **style)[0]
            for whose, frame in points[points["series"] == name].groupby("whose"):
                frame = frame.astype({"x": float, "mean": float}).sort_values("x")
                if whose == "paper":
                    hollow(axes, frame, style, handles)
                    continue
                axes.plot(frame["x"], frame["mean"], **style)
                if len(panel.shown) <= figure_style.BANDED and frame["std"].notna().any():
                    low, high = frame["mean"] - frame["std"], frame["mean"] + frame["std"]
                    axes.fill_between(frame["x"], low, high, color=style["color"], alpha=0.12, lw=0)

    if is_of_either(panel):
        papers = points[points["whose"] == "paper"].astype({"x": float, "mean": float})
        for name, frame in papers.groupby("series"):
            hollow(axes, frame, {**COLORS[str(name)], "linestyle": "none"}, handles)


def hollow(axes: "Axes", frame: pd.DataFrame, style: dict[str, Any], handles: dict[str, Any]) -> None:
    """Draw the paper's points, hollow and light."""
    marker = {"marker": style["marker"], "markerfacecolor": "none", "markeredgewidth": 0.6}
    light = {"color": style["color"], "alpha": 0.55, "linestyle": style["linestyle"], "linewidth": 0.5}
    axes.plot(frame["x"], frame["mean"], **marker, **light)
    handles[PAPERS] = axes.plot([], [], **marker, color="#7F7F7F", linestyle="none")[0]


def square(axes: "Axes", cells: pd.DataFrame) -> None:
    """Draw a penalty matrix."""
    figure_style.bare(axes)
    if cells.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    image = axes.imshow(cells, cmap="Blues", vmin=0, vmax=1)
    figure_style.annotate(image, cells.to_numpy(), "{:.2f}", 6.5)
    axes.set_xticks(range(len(cells)), cells.columns, rotation=30, ha="right", fontsize=6.5)
    axes.set_yticks(range(len(cells)), cells.index, fontsize=6.5)
