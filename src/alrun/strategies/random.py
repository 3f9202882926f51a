"""Random sampling, the reference for labeling efficiency."""

import torch
from torch import Tensor

from alrun.strategies.base import Query, Strategy


class Random(Strategy):
    """Uniformly at random, without replacement; needs no pass over the pool."""

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, drawn uniformly."""
        return torch.randperm(len(query.unlabeled), generator=query.rng)[: query.size]

    def held(self, count: int, size: int) -> int:
        """None."""
        return 0
