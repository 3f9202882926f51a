"""A random part of the labeled set."""

import torch
from torch import Tensor

from alrun.training.subsets.base import Epoch, PeriodicSubset


class Random(PeriodicSubset):
    """Uniformly drawn examples: what every other choice has to beat."""

    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, None]:
        """Without replacement."""
        return torch.randperm(len(epoch.pool.labeled), generator=epoch.rng)[:size], None
