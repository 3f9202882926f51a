"""What runs would take at the paper's size, by its own Table 12: seconds of training by number of labels.

A round takes what a round with as many labels takes there: CIFAR-10, ResNet-18, at most 300 epochs, on a P100 or V100.
Networks of another size are not estimated.
"""

from functools import cache

import numpy as np
from omegaconf import DictConfig

from alrun.analysis.paper import printed
from alrun.settings import schedule

NETWORKS = ("resnet18", "small_cnn")  # the second stands for the first at a smaller scale
SEED_SIZE, BATCH_SIZE, EPOCHS = 1000, 3000, 300  # of Table 12; its first row is that of round 1


@cache
def table_12() -> tuple[np.ndarray, np.ndarray]:
    """Numbers of labels, from 0 on, and seconds of training with them, means over strategies, reset and update."""
    rows = printed.read_printed("table12")
    seconds = rows[rows["phase"] == "train_seconds"].astype({"seconds": float}).groupby("round")["seconds"].mean()
    labels = SEED_SIZE + BATCH_SIZE * seconds.index.to_numpy(int)
    return np.r_[0, labels], np.r_[0, seconds.to_numpy()]


def seconds_of_round(labels: float) -> float:
    """Seconds of a round with so many labels, by linear interpolation; beyond the table in proportion to them."""
    known, seconds = table_12()
    if labels > known[-1]:
        return float(seconds[-1] * labels / known[-1])
    return float(np.interp(labels, known, seconds))


def hours_at_paper_size(cfg: DictConfig) -> float | None:
    """Hours of training of a run of the paper's experiments at scale=paper, at whichever scale it is composed.

    None for another network than ResNet-18. ``cfg`` has hydra's choices, as in planned_runs.
    """
    if str(cfg.hydra.runtime.choices.model) not in NETWORKS:
        return None
    held_out = cfg.validation or 0
    labels = [size / cfg.scale.examples for size in schedule.labels_by_round(cfg.budget, held_out)]
    epochs = cfg.training.max_epochs / cfg.scale.epochs / EPOCHS
    return sum(map(seconds_of_round, labels)) * epochs / 3600
