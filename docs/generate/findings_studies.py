"""The studies behind docs/evidence/findings.md: which experiment shows what, and where its table is."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import result_files as results
from docs.generate.compare_pools import penalties

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"


class Study(NamedTuple):
    """A data set and a way to train on it."""

    title: str
    what: str
    command: str  # computes it
    facets: dict[str, str]  # a facet of the paper, and the experiment that varies it
    reasons: dict[str, str] = {}  # noqa: RUF012  # facets that the study cannot vary, and why


FROZEN = {
    "augmentation": "features are computed once, from images as they are",
    "optimizer": "the head is trained to its optimum, which no optimizer changes",
    "reset_update": "the optimum does not depend on the weights that training starts from",
    "subsets": "the head trains on all labels in less than a second",
}
ON_FEATURES = ("features", "banking77")
STUDIES = {
    "features": Study(
        "CIFAR-10, features",
        "the whole pool of CIFAR-10 (JPEG-compressed), 1,280 features of EfficientNet-Lite0 (trained on ImageNet), a "
        "linear head trained to its optimum; 1,000 to 10,000 labels, facets to 5,000; a seed set by facility location "
        "takes equally many examples of each class, so it reads labels, as in the paper's notebooks",
        "make features",
        {each: f"features/{each}" for each in ("baseline", "redundancy", "per_class", "batch_size", "seed_set")},
        FROZEN,
    ),
    "banking77": Study(
        "Banking77, features",
        "77 classes of short texts, 384 features of all-MiniLM-L6-v2, a linear head trained to its optimum; 154 "
        "to 1,540 labels; the paper's strategies alone: newer ones save more labels there, see "
        "[all strategies](strategies.md)",
        "make strategies features",
        {"baseline": "strategies/banking77"}
        | {each: f"features/banking77_{each}" for each in ("redundancy", "per_class", "batch_size", "seed_set")},
        FROZEN,
    ),
    "fashion_mnist": Study(
        "Fashion-MNIST, from scratch",
        "the whole pool, a small network with the paper's recipe (150 epochs; 40 for redundancy and AL batch sizes); "
        "eight repeats of the baseline, of the facets the first three of eight or twelve that are planned",
        "make scratch",
        {
            each: f"scratch/{each}"
            for each in ("baseline", "augmentation", "optimizer", "redundancy", "batch_size", "reset_update", "subsets")
        },
    ),
    "cifar10": Study(
        "CIFAR-10, from scratch",
        "the whole pool (JPEG-compressed), ResNet-9 with one cycle of 30 epochs",
        "make scratch",
        {"baseline": "scratch/cifar10"},
    ),
    "mnist": Study(
        "MNIST, from scratch",
        "the whole pool, the paper's network and settings (Figure 7) to 3,300 of its 15,300 labels",
        "make scratch",
        {"baseline": "scratch/mnist", "augmentation": "scratch/mnist_augmentation"},
    ),
}  # fmt: skip


# Strategies that the paper does not have, under the settings of studies above.
OTHERS = [f"strategies/{data}_others_{part}" for data in ("cifar10", "banking77") for part in (1, 2)]


@cache
def table_of(experiment: str, folder: Path = RESULTS) -> pd.DataFrame | None:
    """The rounds of an experiment; None if no table is committed."""
    path = folder / experiment
    return results.read_results(path) if (path / "rounds.csv").exists() else None


@cache
def pilots(folder: Path = RESULTS) -> pd.DataFrame:
    """By experiment: ``runs``, and ``seconds`` that a run took in a pilot on one thread."""
    return pd.read_csv(folder / "pilots.csv", index_col="experiment")


def penalty(study: Study, folder: Path = RESULTS) -> str:
    """The weight of the penalty of a study's linear head, in words; empty for networks."""
    rounds = table_of(study.facets["baseline"], folder)
    if rounds is None or "optimizer.C" not in rounds:
        return ""
    return f"; the penalty of the head is C = {penalties(rounds)} in all runs"


def hours(experiment: str, folder: Path = RESULTS) -> str:
    """What an experiment needs that was not computed."""
    if experiment not in pilots(folder).index:
        return "not computed; its hours were not measured"
    runs, seconds = (float(pilots(folder)[column][experiment]) for column in ("runs", "seconds"))
    return f"not computed: {runs:.0f} runs, about {runs * seconds / 3600:.1f} hours of one thread"


def spent(rounds: pd.DataFrame) -> float:
    """Hours of training, selection and evaluation."""
    return float(rounds[["train_seconds", "evaluate_seconds", "select_seconds"]].to_numpy().sum()) / 3600
