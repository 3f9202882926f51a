"""A random part of the labeled set."""

import torch
from torch import Tensor

from alrun.training.subsets.base import Epoch, PeriodicSubset


class Random(PeriodicSubset):
    """Uniformly drawn examples: the baseline of every other selection."""

    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, None]:
        """Positions (size,) without replacement, without weights."""
        return torch.randperm(len(epoch.pool.labeled), generator=epoch.rng)[:size], None
