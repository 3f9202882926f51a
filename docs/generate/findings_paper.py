"""What the paper's own numbers say about a finding: its printed tables, and its curves as they were digitized."""

import math

import pandas as pd

from alrun.analysis.curves import REFERENCE
from alrun.analysis.efficiency import Curve, labeling_efficiency
from alrun.analysis.paper.points import digitized
from alrun.analysis.paper.printed import read_printed
from alrun.analysis.scores import mean_value

TEN = "CIFAR-10 ResNet-18"
EARLY = 7000  # labels: as many as our runs from scratch have
LIMITS = (1000, 2000, 3000)  # examples of a class in Figure 5


def curves(figure: str, panel: str, kind: str = "accuracy") -> pd.DataFrame:
    """A panel's points: a row for each number of labels (or accuracy), a column for each series."""
    every = digitized()
    chosen = every[(every["figure"] == figure) & (every["panel"] == panel) & (every["kind"] == kind)]
    return chosen.pivot_table("y", "x", "series")


def gap(figure: str, panel: str) -> float:
    """BADGE's mean accuracy minus entropy's, in points."""
    table = curves(figure, panel)
    difference = (table["badge"] - table["entropy"]).dropna()
    return 100 * mean_value(difference.index.to_numpy(float), difference.to_numpy(float))


def efficiencies() -> str:
    """The highest efficiency of each panel of Figures 1 and 7."""
    panels = {"CIFAR-10": ("figure-1", TEN), "CIFAR-100": ("figure-1", "CIFAR-100 ResNet-18")}
    panels |= {"Fashion-MNIST": ("figure-1", "Fashion-MNIST ResNet-18"), "SVHN": ("figure-1", "SVHN ResNet-18")}
    panels |= {"MNIST": ("figure-7", "MNIST MNIST net")}
    texts = [f"{name} {curves(*where, 'efficiency').max().max():.1f}" for name, where in panels.items()]
    few = curves("figure-1", TEN)
    early = at_last_of_random(few[few.index <= EARLY])
    ours = ", ".join(f"{name} {early[name]}" for name in ("entropy", "badge"))
    return (
        f"its Section 4.1: 1.3 on CIFAR-100 to 3 on SVHN and Fashion-MNIST, 4.5 on MNIST. Highest efficiency in its "
        f"figures: {', '.join(texts)}; within {EARLY:,} labels of CIFAR-10: {ours}"
    )


def at_last_of_random(accuracy: pd.DataFrame) -> dict[str, str]:
    """The labeling efficiency of each column of ``accuracy`` at the accuracy that random sampling ends with."""
    points = {str(name): column.dropna() for name, column in accuracy.items()}
    found = {name: Curve(column.index.to_numpy(float), column.to_numpy(float)) for name, column in points.items()}
    level = float(found[REFERENCE].accuracy[-1])
    ratios = {name: labeling_efficiency(curve, found[REFERENCE], level) for name, curve in found.items()}
    return {name: "falls short" if math.isnan(value) else f"{value:.2f}" for name, value in ratios.items()}


def augmentation() -> str:
    """Finding 1: the highest efficiencies of Figure 2, whose panels keep the two apart."""
    kinds = {"with": ("Aug", "aug"), "without": ("NoAug", "noaug")}
    texts = []
    for word, (panel, ending) in kinds.items():
        most = curves("figure-2", f"{TEN} {panel}", "efficiency").max()
        texts.append(f"{word} it entropy {most[f'entropy_{ending}']:.2f}, BADGE {most[f'badge_{ending}']:.2f}")
    return f"highest efficiency in Figure 2, ResNet-18: {'; '.join(texts)}"


def per_class() -> str:
    """Finding 5: the highest efficiencies of Figure 5, of entropy and BADGE, by the limit."""
    most = curves("figure-5", "CIFAR-10", "efficiency").max()
    texts = [f"{limit:,} {max(most[f'{name}_{limit}'] for name in ('entropy', 'badge')):.2f}" for limit in LIMITS]
    return f"highest efficiency in Figure 5, CIFAR-10, by examples of a class: {'; '.join(texts)}"


def time() -> str:
    """Finding 8: the share of training in the seconds of Table 12."""
    table = read_printed("table12")
    sums = table[table["model_update"] == "reset"].groupby(["strategy", "phase"])["seconds"].sum().unstack()
    shares = 100 * sums["train_seconds"] / sums.sum(axis=1)
    return (
        f"share of training in Table 12, reset: {', '.join(f'{name} {share:.1f} %' for name, share in shares.items())}"
    )


def subsets() -> str:
    """Finding 8: what GRAD-MATCH costs in Table 13, after rounds without it."""
    table = read_printed("table13")
    means = table[table["labeled"] > table["labeled"].min()].pivot_table("mean", ["strategy", "labeled"], "dss")
    change = (means["grad_match"] - means["none"]).unstack("strategy").mean()
    texts = ", ".join(f"{name} {value:+.2f}" for name, value in change.items())
    return (
        f"accuracy with minus without it in Table 13, after rounds that train on everything: {texts}; by its "
        "Appendix F about a point less after the other rounds, and whole runs 1.6 times as fast"
    )


def diversity() -> str:
    """Finding 3."""
    return f"BADGE minus entropy in Figure 1, CIFAR-10, mean along the budget: {gap('figure-1', TEN):+.2f} points"


def redundancy() -> str:
    """Finding 4."""
    texts = [f"×{factor} {gap('figure-4', f'CIFAR-10 {factor}x duplicates'):+.2f}" for factor in (2, 5, 10, 20)]
    return f"BADGE minus entropy in Figure 4, mean along the budget: {', '.join(texts)} points"


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
