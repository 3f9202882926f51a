"""Figures, in one style that colour-blind readers can tell apart."""

from pathlib import Path

import pandas as pd

# Okabe and Ito's colours; marker and line style differ as well, so that a grey print is legible.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
LEGEND_ROWS = 30


def accuracy_curves(rounds: pd.DataFrame, path: Path) -> None:
    """Test accuracy against labels, mean over repeats with a band of one standard deviation, to a PNG.

    ``rounds`` has the columns strategy, labeled and test_accuracy, a row per run and round.
    """
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    names = rounds["strategy"].nunique()
    columns = 0 if names <= len(COLOURS) else -(-names // LEGEND_ROWS)  # of a legend beside the curves
    figure = Figure(figsize=(5.2 + 2 * columns, 5 if columns else 3.6), dpi=200, layout="constrained")
    axes = figure.subplots()
    for position, (strategy, frame) in enumerate(rounds.groupby("strategy", sort=False)):
        accuracy = 100 * frame.groupby("labeled").test_accuracy.agg(["mean", "std"]).fillna({"std": 0})
        colour, marker = COLOURS[position % len(COLOURS)], MARKERS[(position + position // len(COLOURS)) % len(MARKERS)]
        style = "--" if strategy == "random" else "-"
        axes.plot(accuracy.index, accuracy["mean"], style, color=colour, marker=marker, ms=4, lw=1.5, label=strategy)
        if not columns:  # dozens of bands would hide one another
            low, high = accuracy["mean"] - accuracy["std"], accuracy["mean"] + accuracy["std"]
            axes.fill_between(accuracy.index, low, high, color=colour, alpha=0.15, lw=0)
    repeats = rounds.groupby("strategy").run.nunique().max()
    band = "" if columns else "; band: ± 1 standard deviation"
    axes.set(xlabel="labeled examples", ylabel="test accuracy (%)")
    axes.set_title(f"mean of {repeats} repeats{band}" if repeats > 1 else "one repeat", size=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if columns:
        figure.legend(loc="outside right upper", ncols=columns, frameon=False, fontsize=7)
    else:
        axes.legend(frameon=False)
    figure.savefig(path)
