"""What the paper's own numbers say about a finding: its printed tables, and its curves as they were digitized."""

import pandas as pd

from alrun.analysis.paper.points import digitized
from alrun.analysis.paper.printed import read_printed

TEN = "CIFAR-10 ResNet-18"


def curves(figure: str, panel: str, kind: str = "accuracy") -> pd.DataFrame:
    """A panel's points: a row for each number of labels (or accuracy), a column for each series."""
    every = digitized()
    chosen = every[(every["figure"] == figure) & (every["panel"] == panel) & (every["kind"] == kind)]
    return chosen.pivot_table("y", "x", "series")


def gap(figure: str, panel: str) -> float:
    """BADGE's mean accuracy minus entropy's, in points."""
    table = curves(figure, panel)
    return float(100 * (table["badge"] - table["entropy"]).dropna().mean())


def efficiencies() -> str:
    """The highest efficiency of each panel of Figures 1 and 7."""
    panels = {"CIFAR-10": ("figure-1", TEN), "CIFAR-100": ("figure-1", "CIFAR-100 ResNet-18")}
    panels |= {"Fashion-MNIST": ("figure-1", "Fashion-MNIST ResNet-18"), "SVHN": ("figure-1", "SVHN ResNet-18")}
    panels |= {"MNIST": ("figure-7", "MNIST MNIST net")}
    texts = [f"{name} {curves(*where, 'efficiency').max().max():.1f}" for name, where in panels.items()]
    return f"highest efficiency in its figures: {', '.join(texts)}"


def diversity() -> str:
    """Finding 3."""
    return f"BADGE minus entropy in Figure 1, CIFAR-10, mean of all rounds: {gap('figure-1', TEN):+.2f} points"


def redundancy() -> str:
    """Finding 4."""
    texts = [f"×{factor} {gap('figure-4', f'CIFAR-10 {factor}x duplicates'):+.2f}" for factor in (2, 5, 10, 20)]
    return f"BADGE minus entropy in Figure 4, mean of all rounds: {', '.join(texts)} points"


def seed_set() -> str:
    """Finding 6, Table 2."""
    table = read_printed("table2")
    means = table.pivot_table("mean", "labeled", ["seed_set"])
    change = means["facility_location"] - means["random"]
    texts = [f"{value:+.1f} at {labels:,}" for labels, value in change.items()]
    return f"facility location minus random in Table 2: {', '.join(texts)}"


def batch_size() -> str:
    """Finding 6, Table 1."""
    table = read_printed("table1")
    table = table[table["labeled"] > table["labeled"].min()]
    means = table.pivot_table("mean", ["strategy", "labeled"], "batch_size")
    change = means.sub(means["b3000"], axis=0).drop(columns="b3000").mean()
    texts = [f"{int(str(name)[1:]):,} {value:+.2f}" for name, value in change.items()]
    return f"AL batches minus those of 3,000 in Table 1, mean of later rounds: {', '.join(texts)} points"
