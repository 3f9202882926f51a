"""Any strategy on a random part of the pool."""

from dataclasses import replace
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Query, Strategy


class Subsample(Strategy):
    """Lets ``inner`` choose among ``factor`` times as many examples as asked for, drawn uniformly."""

    def __init__(self, inner: Strategy, factor: Annotated[float, Ge(1)] = 10.0) -> None:
        self.inner = inner
        self.factor = factor
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """The choices of ``inner``."""
        order = torch.randperm(len(query.unlabeled), generator=query.rng)
        part = order[: max(query.size, int(min(len(order), self.factor * query.size)))].sort().values
        return part[self.inner.select(replace(query, unlabeled=query.unlabeled.take(part))).cpu()]
