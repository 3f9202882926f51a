"""A case of benchmarks/selection.py, and its points and queries."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import torch
from torch import nn

from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.selection.points import Outer
from alrun.strategies import Outputs, Query
from alrun.system.device import Stopwatch
from alrun.training.stop_rule import TrainResult

WIDTH = 512  # of the embedding
LABELED = 1000
DEVICE = torch.device("cpu")  # of the points; benchmarks/selection.py sets it


class Job(NamedTuple):
    """A prepared case: its data exist, and ``run`` is timed."""

    run: Callable[[], object]
    reference: Callable[[], float] | None = None  # seconds of a plain implementation; None: too slow
    flops: float = 0.0  # additions and multiplications of an exact algorithm
    bytes: float = 0.0  # that any algorithm must read or write


@dataclass(frozen=True)
class Case:
    """A kernel or strategy on ``n`` examples of ``classes`` classes, ``size`` of them to be chosen."""

    name: str
    n: int
    classes: int
    size: int
    prepare: Callable[["Case"], Job]


def gradients(n: int, classes: int) -> Outer:
    """Factors of a model that is sure of most examples, with embeddings in clusters: a (n, C), b (n, WIDTH)."""
    rng = torch.Generator().manual_seed(n + classes)
    centers = torch.randn(classes, WIDTH, generator=rng).abs()
    member = torch.randint(classes, (n,), generator=rng)
    embedding = (centers[member] + 0.5 * torch.randn(n, WIDTH, generator=rng)).relu()
    logits = 4 * torch.randn(n, classes, generator=rng)
    residual = logits.softmax(1)
    residual[torch.arange(n), residual.argmax(1)] -= 1
    return Outer(residual.to(DEVICE), embedding.to(DEVICE))


class Head(Classifier):
    """A network of one linear layer; an image of one pixel becomes the first number of its embedding."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.ZeroPad1d((0, WIDTH - 1)))
        self.head = nn.Linear(WIDTH, classes)


def query(case: Case, passes: int = 0) -> Query:
    """A query about ``case.n`` unlabeled and LABELED labeled examples, with outputs of a model that is sure of most.

    With ``passes``, log-probabilities of that many MC-dropout passes as well.
    """
    outputs = []
    for first, count in ((0, case.n), (case.n, LABELED)):
        points = gradients(count, case.classes)
        probs = points.a + torch.nn.functional.one_hot(points.a.argmin(1), case.classes)
        fields = {"log_probs": probs.clamp_min(1e-12).log(), "embedding": points.b}
        if passes:
            noise = torch.randn(passes, count, case.classes, generator=torch.Generator().manual_seed(0))
            fields["dropout_log_probs"] = (fields["log_probs"] + noise.to(DEVICE)).log_softmax(2)
        outputs.append(Outputs(torch.arange(first, first + count), **fields))
    labels = torch.cat([part.log_probs.argmax(1) for part in outputs])
    images = torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8, device=DEVICE)
    pool = Pool(images, labels, outputs[1].index)
    return Query(
        size=case.size,
        unlabeled=outputs[0],
        labeled=outputs[1],
        strangers=Outputs(pool.strangers),
        rng=torch.Generator().manual_seed(0),
        pool=pool,
        model=Head(case.classes).to(DEVICE),
        trained=TrainResult(1.0, 1, 1, "accuracy", 0.0),
        normalize=torch.Tensor.float,
        chunk=100,
        training=Stopwatch(DEVICE),
        fit=lambda index: Head(case.classes).to(DEVICE),  # training is not timed
        detector=lambda temperature: Head(case.classes + 1).to(DEVICE),
    )


def seconds(work: Callable[[], object], times: float = 1) -> float:
    """Seconds of one call, times ``times``."""
    started = perf_counter()
    work()
    return (perf_counter() - started) * times
