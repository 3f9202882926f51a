"""Random sampling, the reference of labeling efficiency."""

import torch
from torch import Tensor

from alrun.strategies.base import Query, Strategy


class Random(Strategy):
    """Uniformly at random, without replacement; needs no pass over the pool."""

    def select(self, query: Query) -> Tensor:
        """``query.size`` of the unlabeled examples."""
        return torch.randperm(len(query.unlabeled), generator=query.rng)[: query.size]
