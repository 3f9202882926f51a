"""Any strategy on parts of the pool, for what would take too long or too much memory on the whole."""

from dataclasses import replace

import torch
from torch import Tensor

from alrun.strategies.base import Query, Strategy
from alrun.system.errors import at_least


class Partitioned(Strategy):
    """Splits the pool at random into ``parts`` of equal size and lets ``inner`` choose its share from each.

    Source: Citovsky et al. 2021, and the paper's BADGE on CIFAR-100 (Section 4.1).
    """

    def __init__(self, inner: Strategy, parts: int = 5) -> None:
        at_least("strategy.parts", parts, 1)
        self.inner = inner
        self.parts = parts
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """The choices of all parts; the first parts take the remainder of sizes that do not divide."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """``select``, and the scores of ``inner``, each within its part."""
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
