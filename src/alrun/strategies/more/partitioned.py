"""Any strategy on parts of the pool, for strategies that would take too long or too much memory on the whole."""

from dataclasses import replace
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Query, Strategy


class Partitioned(Strategy):
    """Splits the pool at random into ``parts`` of equal size and lets ``inner`` choose its share from each.

    Source: Citovsky et al. 2021, and the paper's BADGE on CIFAR-100 (Appendix A.3).
    """

    def __init__(self, inner: Strategy, parts: Annotated[int, Ge(1)] = 5) -> None:
        self.inner = inner
        self.parts = parts
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64 from all parts; if the size does not divide, the first parts choose one more."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores by ``inner`` within their parts, if it gives any."""
        order = torch.randperm(len(query.unlabeled), generator=query.rng)
        parts = order.tensor_split(self.parts)
        sizes = [len(share) for share in torch.arange(query.size).tensor_split(self.parts)]
        chosen, scores = [], []
        for part, size in zip(parts, sizes, strict=True):
            if size:
                part = part.sort().values
                positions, score = self.inner.choose(replace(query, size=size, unlabeled=query.unlabeled.take(part)))
                chosen.append(part[positions.cpu()])
                scores.append(score)
        return torch.cat(chosen), None if None in scores else torch.cat(scores)

    def held(self, count: int, size: int) -> int:
        """Those of the largest part."""
        return -(-count // self.parts)
