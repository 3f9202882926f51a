"""Any strategy on a random part of the pool."""

from dataclasses import replace
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Query, Strategy


class Subsample(Strategy):
    """Lets ``inner`` choose among ``candidate_factor`` times as many examples as asked for, drawn uniformly."""

    def __init__(self, inner: Strategy, candidate_factor: Annotated[float, Ge(1)] = 10.0) -> None:
        self.inner = inner
        self.candidate_factor = candidate_factor
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of ``inner``."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores by ``inner`` if it gives any."""
        order = torch.randperm(len(query.unlabeled), generator=query.rng)
        part = order[: self.held(len(order), query.size)].sort().values
        positions, scores = self.inner.choose(replace(query, unlabeled=query.unlabeled.take(part)))
        return part[positions.cpu()], scores

    def held(self, count: int, size: int) -> int:
        """Those of the candidates."""
        return max(size, int(min(count, self.candidate_factor * size)))
