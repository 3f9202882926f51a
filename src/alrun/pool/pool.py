"""The pool: all examples, and which of them are labeled."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Pool:
    """Images and labels of the training split, and the only mutable view of what is labeled."""

    # (N, C, H, W) uint8, or vectors (N, d) float32 or float16; on the training device, mapped ones on the CPU.
    images: Tensor
    labels: Tensor  # (N,) int64, on the training device; -1: people have not labeled it yet
    labeled: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))  # (m,) as queried, CPU
    queryable: Tensor | None = None  # (N,) bool, CPU; None: every example may be queried
    source: Tensor | None = None  # (N,) the image of the training split that each was made from; None: its own

    @property
    def device(self) -> torch.device:
        """The device of training."""
        return self.labels.device

    def take(self, index: Tensor) -> Tensor:
        """Images or vectors at ``index`` (k,), on the training device: (k, C, H, W) uint8 or (k, d)."""
        return self.images[index.to(self.images.device)].to(self.device)

    @property
    def unlabeled(self) -> Tensor:
        """Indices that may still be queried, ascending, on the CPU: (n,) int64."""
        free = torch.ones(len(self.images), dtype=torch.bool) if self.queryable is None else self.queryable.clone()
        free[self.labeled] = False
        return free.nonzero().flatten()

    def set_aside(self, indices: Tensor) -> None:
        """Query ``indices`` (k,) no more, without a label."""
        if len(indices):
            here = torch.ones(len(self.images), dtype=torch.bool) if self.queryable is None else self.queryable.clone()
            here[indices.cpu()] = False
            self.queryable = here

    def label(self, indices: Tensor) -> None:
        """Move ``indices`` to the labeled set.

        Raises:
            ValueError: An index is out of range, repeated or labeled already.
        """
        joined = torch.cat([self.labeled, indices.cpu()])
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self.images):
            raise ValueError(f"indices must lie in 0..{len(self.images) - 1}")
        if len(joined.unique()) < len(joined):
            raise ValueError("indices repeat one another or are labeled already")
        self.labeled = joined
