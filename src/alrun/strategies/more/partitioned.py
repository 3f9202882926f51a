"""Any strategy on parts of the pool, for strategies that would take too long or too much memory on the whole."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Query, Strategy
from alrun.system import rng


class Partitioned(Strategy):
    """Splits the pool into ``parts`` of equal size and lets ``inner`` choose from each.

    Without ``candidates``, parts are drawn at random and each gives its share of the labels. With it, the selection
    has two levels: parts are consecutive, each proposes ``candidates`` times its share, and ``inner`` chooses among all
    that are proposed. Then a part depends on nothing of the others, so that parts can be computed anywhere, with the
    same result (``runtime.engine``); ``candidates=<parts>`` lets each propose as many as are asked for.

    Source: Citovsky et al. 2021, and the paper's BADGE on CIFAR-100 (Appendix A.3). Two levels: Mirzasoleiman et al.,
    Distributed Submodular Maximization, NeurIPS 2013, Algorithm 2 (GreeDi).
    """

    keeps_outputs = True  # of what parts propose: ``inner`` compares them

    def __init__(
        self, inner: Strategy, parts: Annotated[int, Ge(1)] = 5, candidates: Annotated[float, Ge(1)] | None = None
    ) -> None:
        self.inner = inner
        self.parts = parts
        self.candidates = candidates
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64 from all parts; if the size does not divide, the first parts choose one more."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores by ``inner``, without ``candidates`` within their parts."""
        if self.candidates is None:
            return self.shares(query)
        proposed = []
        for number, (start, stop) in enumerate(self.ranges(len(query.unlabeled)), 1):
            if start < stop:
                part = query.unlabeled.take(torch.arange(start, stop))
                proposed.append(start + self.propose(replace(query, unlabeled=part), number)[0].cpu())
        positions = torch.cat(proposed)
        chosen, scores = self.decide(replace(query, unlabeled=query.unlabeled.take(positions)))
        return positions[chosen.cpu()], scores

    def shares(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """Positions (size,) of which each part, drawn at random, gives its share; and their scores, if there are."""
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

    def ranges(self, count: int, chunk: int = 1) -> list[tuple[int, int]]:
        """The parts of ``count`` positions, each from its first to before its last; sizes differ by one at most."""
        return list(pairwise(count * number // self.parts for number in range(self.parts + 1)))

    def propose(self, query: Query, number: int) -> tuple[Tensor, Tensor | None]:
        """Positions (k,) that ``inner`` chooses in the part ``number`` for a query of ``query.size`` labels in all."""
        assert self.candidates is not None
        size = min(len(query.unlabeled), math.ceil(self.candidates * query.size / self.parts))
        return self.inner.choose(replace(query, size=size, rng=numbers(query, number)))

    def decide(self, query: Query, scores: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Positions (size,) among what the parts propose, and their scores by ``inner``, if it gives any."""
        return self.inner.choose(replace(query, rng=numbers(query, 0)))


def numbers(query: Query, number: int) -> torch.Generator:
    """Random numbers of a part, 0: of the decision; torch's own are seeded likewise. None depends on other parts."""
    rng.seed_globals(query.rng.initial_seed(), "part", number)
    return rng.generator(query.rng.initial_seed(), "part", number, "select")
