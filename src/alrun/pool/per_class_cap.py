"""``per_class_cap=``: which examples may be bought."""

from typing import Annotated, Protocol, runtime_checkable

import torch
from annotated_types import Ge
from torch import Tensor


@runtime_checkable
class Cap(Protocol):
    """What a pool asks of a cap."""

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor | None:
        """A mask (N,) of the examples that may be bought, None for all."""
        ...


class NoCap:
    """Every example."""

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor | None:
        """A mask (N,) of the examples that may be bought, None for all."""
        return None


class PerClassCap:
    """The first ``limit`` examples of each class, those of the seed set not counted.

    Source: Section 4.5 of the paper; its notebooks count the unlabeled part only.
    """

    def __init__(self, limit: Annotated[int, Ge(1)]) -> None:
        self.limit = limit

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor:
        """A mask (N,) on the CPU."""
        labels = labels.cpu()
        free = torch.ones(len(labels), dtype=torch.bool)
        free[seed_set] = False
        mask = torch.zeros_like(free)
        for label in labels.unique():
            mask[((labels == label) & free).nonzero().flatten()[: self.limit]] = True
        return mask
