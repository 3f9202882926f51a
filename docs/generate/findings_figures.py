"""The figures of docs/evidence/findings.md: ours beside the paper's digitized points."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
import pandas as pd

from alrun.analysis import figure_style
from alrun.analysis.curves import REFERENCE
from alrun.analysis.intervals import t_interval
from docs.generate import findings_paper as paper
from docs.generate import findings_studies as studies
from docs.generate.findings_measures import mean_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FACTORS = (2, 5, 10, 20)


def write(folder: Path, assets: Path) -> list[str]:
    """Write the figures that the tables in ``folder`` allow; the paragraphs that show them."""
    matplotlib.rcParams["svg.hashsalt"] = "alrun"  # the same names in the file each time
    found = []
    tables = {key: studies.table_of(studies.STUDIES[key].facets["redundancy"], folder) for key in REDUNDANT}
    known = {key: table for key, table in tables.items() if table is not None}
    if known:
        save(redundancy(known), assets / "redundancy.svg")
        found += ["## BADGE and entropy by redundancy", "", with_caption("redundancy.svg", REDUNDANCY), ""]
    for key, panel in PANELS.items():
        rounds = studies.table_of(studies.STUDIES[key].facets["baseline"], folder)
        if rounds is not None:
            theirs = panel.curves(rounds)
            save(accuracies(rounds, theirs), assets / f"{key}.svg")
            shown = with_caption(f"{key}.svg", panel.says)
            compared = near(rounds, theirs) + plain(key, theirs, folder)
            found += [f"## {panel.title}", "", shown, "", point_by_point(rounds, theirs), "", compared, ""]
            found += [efficiencies(rounds, theirs), ""]
    return found


class Panel(NamedTuple):
    """A panel of the paper with strategies and numbers of labels that a study of ours has too."""

    title: str
    figure: str
    panel: str
    says: str

    def curves(self, rounds: pd.DataFrame) -> pd.DataFrame:
        """The paper's accuracy in % by labels and strategy: our strategies, up to our last number of labels."""
        theirs = 100 * paper.curves(self.figure, self.panel)
        ours = [name for name in dict.fromkeys(rounds["strategy"]) if name in theirs]
        return theirs.loc[theirs.index <= rounds["labeled"].max(), ours]


PANELS = {
    "cifar10": Panel(
        "CIFAR-10, Figure 1",
        "figure-1",
        "CIFAR-10 ResNet-18",
        "Test accuracy on CIFAR-10 against labels: our repeats and their mean (a network of 0.41 million parameters, "
        "30 epochs, JPEG-compressed images), and the paper's Figure 1 as it was digitized (ResNet-18 with 11 million "
        "parameters, up to 300 epochs)",
    ),
    "mnist": Panel(
        "MNIST, Figure 7",
        "figure-7",
        "MNIST MNIST net",
        "Test accuracy on MNIST against labels: our repeats, their mean, and the paper's Figure 7 as it was digitized",
    ),
}


REDUNDANT = ("features", "banking77", "fashion_mnist")
REDUNDANCY = (
    "BADGE's mean accuracy minus entropy's against the number of copies: ours with 95 % intervals, and the paper's "
    "Figure 4 as it was digitized (ResNet-18 from scratch, 500 to 5,500 labels)"
)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure without the date, so that the same table gives the same file."""
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def with_caption(name: str, says: str) -> str:
    """A figure and what it shows."""
    return f'<img src="../assets/{name}" width="830" alt="{says}.">\n\n{says}.'


@figure_style.styled
def redundancy(tables: dict[str, pd.DataFrame]) -> "Figure":
    """BADGE minus entropy at each redundancy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(figure_style.PAGE, 2.6))
    axes = figure.subplots()
    for key, rounds in tables.items():
        parts = {int(float(str(factor))): frame for factor, frame in rounds.groupby("redundancy.factor")}
        means = {factor: mean_of(frame) for factor, frame in sorted(parts.items())}
        gaps = {factor: (each["badge"] - each["entropy"]).dropna().to_numpy(float) for factor, each in means.items()}
        middle = [values.mean() for values in gaps.values()]
        ends = np.array([t_interval(values.tolist()) for values in gaps.values()]).T
        errors = np.abs(ends - np.array(middle))
        axes.errorbar(list(gaps), middle, yerr=errors, marker="o", capsize=3, label=studies.STUDIES[key].title)
    theirs = [paper.gap("figure-4", f"CIFAR-10 {factor}x duplicates") for factor in FACTORS]
    axes.plot(FACTORS, theirs, marker="s", ls="--", color="gray", label="paper, Figure 4")
    axes.axhline(0, color="black", lw=0.5)
    axes.set(xscale="log", xlabel="copies of each repeated example", ylabel="BADGE minus entropy (points)")
    axes.set_xticks(FACTORS, [f"{factor}" for factor in FACTORS])
    axes.minorticks_off()
    axes.legend()
    return figure


@figure_style.styled
def accuracies(rounds: pd.DataFrame, theirs: pd.DataFrame) -> "Figure":
    """Our accuracies and the paper's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(figure_style.PAGE, 2.8))
    axes = figure.subplots()
    names = list(map(str, theirs))
    styles = figure_style.line_styles(names)
    for strategy in names:
        ours = rounds[rounds["strategy"] == strategy]
        color = styles[strategy]["color"]
        axes.plot(ours["labeled"], 100 * ours["test_accuracy"], ".", color=color, alpha=0.4)
        mean = 100 * ours.groupby("labeled")["test_accuracy"].mean()
        axes.plot(mean.index, mean, color=color, label=f"{strategy}, ours")
        axes.plot(theirs.index, theirs[strategy], "s--", color=color, mfc="none", label=f"{strategy}, paper")
    axes.set(xlabel="labeled examples", ylabel="test accuracy (%)")
    axes.legend(ncols=2)
    return figure


def point_by_point(rounds: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """A table of our accuracies beside the paper's."""
    percent = rounds.assign(percent=100 * rounds["test_accuracy"])
    ours = percent.groupby(["labeled", "strategy"])["percent"].agg(["mean", "std", "count"])
    lines = ["| labels | " + " | ".join(f"{name}, ours | paper | difference" for name in theirs) + " |"]
    lines.append("|---" * (1 + 3 * theirs.shape[1]) + "|")
    for labels in theirs.index:
        cells = []
        for name in theirs:
            if (labels, name) not in ours.index:
                cells += ["", f"{theirs[name][labels]:.2f}", ""]
                continue
            mean, std, count = ours.loc[(labels, name)]
            spread = f" ± {std:.2f}" if count > 1 else ""
            cells += [f"{mean:.2f}{spread} ({count:.0f})", f"{theirs[name][labels]:.2f}"]
            cells += [f"{mean - theirs[name][labels]:+.2f}"]
        lines.append(f"| {labels:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def near(rounds: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """How many of the paper's points are within our spread: it gives none of its own in this figure.

    A first model that all strategies share is one point.
    """
    gaps = beside(rounds, theirs).rename_axis(["labels", "strategy"]).reset_index("labels").drop_duplicates()
    within = int((gaps["mean"].abs() <= 2 * gaps["std"]).sum())
    return (
        f"Of {len(gaps)} points {within} are within two of our standard deviations of the paper's (the figure has none "
        f"of its own): ours lie {span(gaps)} points from it."
    )


def plain(key: str, theirs: pd.DataFrame, folder: Path) -> str:
    """A sentence on the same runs without augmentation, where there are some: is it why ours differ?"""
    name = studies.STUDIES[key].facets.get("augmentation")
    rounds = None if name is None else studies.table_of(name, folder)
    if rounds is None:
        return ""
    gaps = beside(rounds[rounds["augmentation"] == "none"], theirs)
    return f" Without augmentation ours lie {span(gaps)} points from it: how much is cropped matters that much."


def beside(rounds: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """``mean`` of our accuracies minus the paper's, and their ``std``, in points, where both have some."""
    ours = 100 * rounds.groupby(["labeled", "strategy"])["test_accuracy"].agg(["mean", "std"]).unstack("strategy")
    gaps = {"mean": (ours["mean"] - theirs).stack(), "std": ours["std"].stack()}
    return pd.DataFrame(gaps).dropna(subset=["mean"])


def span(gaps: pd.DataFrame) -> str:
    """The lowest and the highest."""
    return f"{gaps['mean'].min():+.2f} to {gaps['mean'].max():+.2f}"


def efficiencies(rounds: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The labeling efficiency at the last accuracy of random sampling, on our mean curves and on the paper's."""
    accuracy = 100 * rounds.groupby(["labeled", "strategy"])["test_accuracy"].mean().unstack()
    ours, paper_ = (paper.at_last_of_random(table) for table in (accuracy, theirs))
    texts = [f"{name} {ours[name]}, paper {paper_[name]}" for name in map(str, theirs) if name != REFERENCE]
    last = theirs[REFERENCE].dropna().index[-1]
    return (
        f"Labeling efficiency at the last accuracy of random sampling, with {last:,.0f} labels, on the mean curves: "
        f"{'; '.join(texts)}."
    )
