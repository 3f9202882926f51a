"""What runs would take at the paper's size, by its own Table 12: seconds of training by number of labels.

A round takes what a round with as many labels takes there: CIFAR-10, ResNet-18, at most 300 epochs, on a P100 or V100.
Networks of another size are not estimated. It imports neither numpy nor pandas, for ``alrun plan`` to start fast.
"""

import csv
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import pairwise
from statistics import mean

NETWORKS = ("resnet18", "small_cnn")  # the second stands for the first at a smaller scale
SEED_SIZE, BATCH_SIZE, EPOCHS = 1000, 3000, 300  # of Table 12; its first row is that of round 1


@cache
def table_12() -> list[tuple[float, float]]:
    """Numbers of labels, from 0 on, and seconds of training with them, means over strategies, reset and update."""
    seconds: dict[int, list[float]] = {}
    with resources.files("alrun.analysis.paper").joinpath("table12.csv").open() as file:
        for row in csv.DictReader(file):
            if row["phase"] == "train_seconds":
                seconds.setdefault(int(row["round"]), []).append(float(row["seconds"]))
    return [(0, 0), *((SEED_SIZE + BATCH_SIZE * round, mean(each)) for round, each in sorted(seconds.items()))]


def seconds_of_round(labels: float) -> float:
    """Seconds of a round with this number of labels, by linear interpolation; beyond the table in proportion to it."""
    for (low, before), (high, after) in pairwise(table_12()):
        if labels <= high:
            return before + (after - before) * (labels - low) / (high - low)
    most, seconds = table_12()[-1]
    return seconds * labels / most


def hours_of_run(network: str, labels: Iterable[float], epochs: float) -> float | None:
    """Hours of training of a run with these numbers of ``labels`` by round, and at most ``epochs`` in each.

    None for another ``network`` (option of ``model``) than ResNet-18.
    """
    if network not in NETWORKS:
        return None
    return sum(map(seconds_of_round, labels)) * epochs / EPOCHS / 3600
