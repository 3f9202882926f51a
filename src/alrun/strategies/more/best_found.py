"""The best of many batches that were tried: an oracle, which shows how far strategies are from what is possible."""

import logging
from collections.abc import Iterator
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.models.outputs import Needs
from alrun.strategies.base import Query, Strategy, together

log = logging.getLogger(__name__)


class BestFound(Strategy):
    """Labels ``searched`` batches, trains on each, tests it, and keeps the best: no strategy that anybody can use.

    It is an oracle: it knows the answers to what it has not queried, and the test set. The accuracy of its rounds is
    reached by a batch that exists, so it is a lower bound on that of the best batch, no estimate of it. The first
    batches are those of ``proposals`` and one drawn at random. Each of the others is the best so far with a random part
    of it, at most half, replaced by examples of another one that was tried, or of the pool, in turns. Each round takes
    the best for itself, whatever comes after it.

    It needs optimizer=convex, where a batch decides the model and chance nothing, and a model trains in a moment.

    Args:
        proposals: Strategies whose batches are tried first.
        searched: Batches that are tried in a round.
    """

    is_oracle: ClassVar[bool] = True

    def __init__(self, proposals: dict[str, Strategy], searched: Annotated[int, Ge(1)] = 30) -> None:
        self.proposals = proposals
        self.searched = searched
        self.needs = together([strategy.needs for strategy in proposals.values()], Needs())

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64 of the best batch, ascending."""
        assert query.accuracy_with is not None
        best, highest = torch.arange(query.size), -1.0
        if query.size == len(query.unlabeled):
            return best
        tried: list[Tensor] = []
        for step, first in zip(range(self.searched), self.first_batches(query), strict=False):
            batch = first if first is not None else self.neighbor(best, tried, step, query)
            with query.training:
                accuracy = query.accuracy_with(query.unlabeled.index[batch])
            tried.append(batch)
            if accuracy > highest:
                best, highest = batch, accuracy
        log.info("best found: accuracy %.4f of %d batches", highest, len(tried))
        return best

    def first_batches(self, query: Query) -> Iterator[Tensor | None]:
        """The batches of the proposals and a random one, each ascending; then None for ever."""
        for strategy in self.proposals.values():
            yield strategy.select(query).cpu().sort().values
        yield torch.randperm(len(query.unlabeled), generator=query.rng)[: query.size].sort().values
        while True:
            yield None

    def neighbor(self, best: Tensor, tried: list[Tensor], step: int, query: Query) -> Tensor:
        """``best`` with a random part replaced by examples of a batch that was tried, or of the pool: (size,)."""

        def drawn(among: Tensor, count: int) -> Tensor:
            return among[torch.randperm(len(among), generator=query.rng)[:count]]

        def outside(batch: Tensor) -> Tensor:
            return batch[~torch.isin(batch, best)]

        count = 1 + int(torch.randint((query.size + 1) // 2, (1,), generator=query.rng))
        new = outside(tried[int(torch.randint(len(tried), (1,), generator=query.rng))])
        if step % 2 or not len(new):
            new = outside(torch.arange(len(query.unlabeled)))
        new = drawn(new, count)
        return torch.cat([drawn(best, query.size - len(new)), new]).sort().values
