"""``per_class_cap=``: which examples may be queried."""

from typing import Annotated, Protocol, runtime_checkable

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.data.dataset import STRANGER


@runtime_checkable
class Cap(Protocol):
    """Limits which examples of the pool may be queried."""

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor | None:
        """The examples that may be queried: a mask (N,) bool on the CPU, None for all.

        ``labels`` (N,) are those of the pool, ``seed_set`` (k,) are indices.
        """
        ...


class NoCap:
    """No cap: every example may be queried."""

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor | None:
        """None: all may be queried."""
        return None


class PerClassCap:
    """A cap at the first ``limit`` examples of each class, besides the seed set; examples of no class have none.

    Source: Section 4.5 of the paper; its notebooks count the unlabeled part only.
    """

    def __init__(self, limit: Annotated[int, Ge(1)]) -> None:
        self.limit = limit

    def queryable(self, labels: Tensor, seed_set: Tensor) -> Tensor:
        """A mask (N,) bool on the CPU; ``labels`` (N,), ``seed_set`` (k,) indices."""
        labels = labels.cpu()
        free = torch.ones(len(labels), dtype=torch.bool)
        free[seed_set] = False
        mask = torch.zeros_like(free)
        mask[(labels == STRANGER) & free] = True  # a cap is of a class
        for label in labels[labels != STRANGER].unique():
            mask[((labels == label) & free).nonzero().flatten()[: self.limit]] = True
        return mask
