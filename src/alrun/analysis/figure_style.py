"""The look of all figures: color-blind readers can tell lines apart, and text is legible at the width of a column."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alrun.system.errors import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Okabe and Ito's colors. Markers differ as well, and dashes from the eighth line on, so that a gray print is legible.
# Random is black.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = "osD^vPX"
DASHES = ("-", "-.", (0, (5, 1, 1, 1, 1, 1)), ":")
COLUMN, PAGE = 3.4, 7.0  # inches: a column and the page of a two-column paper
BANDED = 7  # with more lines, the spread is not drawn
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "svg.hashsalt": "alrun",
}


def styled(draw: "Callable[..., Figure]") -> "Callable[..., Figure]":
    """Decorator: draw in STYLE, without pyplot, which has global state and needs a display."""

    @wraps(draw)
    def wrapped(*arguments: Any, **settings: Any) -> "Figure":
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **settings)

    return wrapped


def line_styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Color, marker and dash of each line: random sampling is black and dashed."""
    styles = {}
    others = [name for name in names if name != "random"]
    for position, name in enumerate(others):
        turn, place = divmod(position, len(COLORS))
        marker, dash = MARKERS[(place + turn) % len(MARKERS)], DASHES[turn % len(DASHES)]
        styles[name] = {"color": COLORS[place], "marker": marker, "linestyle": dash}
    return {"random": {"color": "#000000", "marker": ".", "linestyle": "--"}, **styles}


def annotate(image: "AxesImage", values: np.ndarray, pattern: str, size: float = 7) -> None:
    """Write each cell's number, black on light cells and white on dark ones."""
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            color = "k" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "w"
            text = pattern.format(value)
            image.axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def bare(axes: "Axes") -> None:
    """Remove grid, frame and tick marks: the cells are the frame."""
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``path``.png and ``path``.pdf; the same figure gives the same bytes."""
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), dpi=300)
        figure.set_layout_engine("none")  # the layout is known now, and takes much of the time
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
