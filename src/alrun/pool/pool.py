"""The pool: all examples, and which of them are labeled."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import STRANGER
from alrun.data.mapping import ask_for


def none_yet() -> Tensor:
    """No index: (0,) int64 on the CPU."""
    return torch.empty(0, dtype=torch.int64)


@dataclass
class Pool:
    """Images and labels of the training split, and the only mutable view of what is labeled.

    What has been queried is either in ``labeled``, with a class, or in ``strangers``.
    """

    # (N, C, H, W) uint8, or vectors (N, d) float32 or float16; on the training device, mapped ones on the CPU.
    images: Tensor
    # (N,) int64, on the training device: what the annotator answers when it is queried; STRANGER: "none of these",
    # -1: people have not labeled it yet.
    labels: Tensor
    labeled: Tensor = field(default_factory=none_yet)  # (m,) as queried, CPU
    queryable: Tensor | None = None  # (N,) bool, CPU; None: every example may be queried
    source: Tensor | None = None  # (N,) the image of the training split that each was made from; None: its own
    strangers: Tensor = field(default_factory=none_yet)  # (s,) queried and answered "none of these", as queried, CPU
    # (N,) int64, on the training device: the true labels, for measures alone; the answers themselves if none is given.
    truth: Tensor = None  # type: ignore[assignment]
    opinions: int = 1  # answers that are paid for each example that is queried
    prices: Tensor | None = None  # (N,) float64, CPU: of one answer for each example; None: 1
    mapped: np.ndarray | None = None  # the array behind ``images`` where they lie in a file that is mapped into memory

    def __post_init__(self) -> None:
        if self.truth is None:
            self.truth = self.labels

    @property
    def device(self) -> torch.device:
        """The device of training."""
        return self.labels.device

    def take(self, index: Tensor) -> Tensor:
        """Images or vectors at ``index`` (k,), on the training device: (k, C, H, W) uint8 or (k, d)."""
        where = index.to(self.images.device)
        ask_for(self.images, where)
        return self.images[where].to(self.device)

    @property
    def unlabeled(self) -> Tensor:
        """Indices that may still be queried, ascending, on the CPU: (n,) int64."""
        free = torch.ones(len(self.images), dtype=torch.bool) if self.queryable is None else self.queryable.clone()
        free[self.queried] = False
        return free.nonzero().flatten()

    @property
    def queried(self) -> Tensor:
        """Indices of everything that has been queried: the labeled set, then the strangers; (m + s,) int64, CPU."""
        return torch.cat([self.labeled, self.strangers])

    @property
    def answers(self) -> int:
        """How many answers have been paid for."""
        return self.opinions * (len(self.labeled) + len(self.strangers))

    @property
    def spent(self) -> float:
        """What these answers have cost; rounded once, so that the order of queries does not matter."""
        if self.prices is None:
            return float(self.answers)
        return math.fsum(self.opinions * price for price in self.prices[self.queried].tolist())

    def set_aside(self, indices: Tensor) -> None:
        """Query ``indices`` (k,) no more, without a label."""
        if len(indices):
            here = torch.ones(len(self.images), dtype=torch.bool) if self.queryable is None else self.queryable.clone()
            here[indices.cpu()] = False
            self.queryable = here

    def label(self, indices: Tensor) -> None:
        """Move ``indices`` to the labeled set, or to the strangers if the annotator answers "none of these".

        Raises:
            ValueError: An index is out of range, repeated or queried already.
        """
        indices = indices.cpu()
        joined = torch.cat([self.queried, indices])
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self.images):
            raise ValueError(f"indices must lie in 0..{len(self.images) - 1}")
        if len(joined.unique()) < len(joined):
            raise ValueError("indices repeat one another or are labeled already")
        is_stranger = (self.labels[indices.to(self.device)] == STRANGER).cpu()
        self.labeled = torch.cat([self.labeled, indices[~is_stranger]])
        self.strangers = torch.cat([self.strangers, indices[is_stranger]])
