"""What benchmark_selection.py times, and the points it times on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from alrun.selection.points import Outer

WIDTH = 512  # of the embedding


class Job(NamedTuple):
    """One piece of work, its data made."""

    run: Callable[[], object]
    reference: Callable[[], float] | None = None  # seconds that a plain implementation takes; None: too large for it
    flops: float = 0.0  # additions and multiplications that an exact algorithm asks for
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
    centres = torch.randn(classes, WIDTH, generator=rng).abs()
    member = torch.randint(classes, (n,), generator=rng)
    embedding = (centres[member] + 0.5 * torch.randn(n, WIDTH, generator=rng)).relu()
    logits = 4 * torch.randn(n, classes, generator=rng)
    residual = logits.softmax(1)
    residual[torch.arange(n), residual.argmax(1)] -= 1
    return Outer(residual, embedding)
