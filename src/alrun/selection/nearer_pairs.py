"""Pairs of points that are nearer to each other than to anything labeled, kept from query to query."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.selection.points import Dense, Points, sqdist
from alrun.selection.similarity import Similarity
from alrun.selection.uncovered import ENTRY, Uncovered

SLACK = 1e-5  # share of the largest squared length: more than the round-off of a squared distance


class NearerPairs:
    """For every point the others that are nearer to it than the nearest labeled one.

    These alone can still cover more of it, by any kernel that falls with distance. With more labels they only become
    fewer, so one pass over all pairs serves all queries about the same points. Pairs a little farther apart are kept
    too: they add nothing, and without them round-off would count.

    Args:
        index: Names of the points: (N,) int64.
        points: All of them, the labeled ones too.
        nearest: Squared distance of each to the nearest labeled one, minus infinity for those that are labeled: (N,).
        memory: Bytes that the pairs may take; if they take more, there are none.
    """

    def __init__(self, index: Tensor, points: Dense, nearest: Tensor, memory: float) -> None:
        self.index = index
        self.nearest = nearest
        self.slack = SLACK * float(points.sqnorm.amax())
        room = min(memory, ENTRY * len(points) ** 2)
        self.pairs = Uncovered.symmetric(Similarity(points, points, minus_sqdist, 0), self.least, None, room)

    @property
    def least(self) -> Tensor:
        """What minus the squared distance of a pair must exceed to be kept: (N,)."""
        return -(self.nearest + self.slack)

    def serve(self, index: Tensor, nearest: Tensor) -> bool:
        """Whether there are pairs of the points ``index`` that hold all that ``nearest`` asks for."""
        if self.pairs is None or not index.equal(self.index):
            return False
        return bool((nearest <= self.nearest + self.slack / 2).all())

    def covering(self, unlabeled: Tensor, nearest: Tensor, kernel: Callable[[Tensor], Tensor]) -> Uncovered | None:
        """The similarities among the points at ``unlabeled`` (n,) that can still count; None: there are too many.

        ``kernel`` makes them of minus the squared distances.
        """
        if self.pairs is None:
            return None
        self.nearest = nearest
        self.pairs.forget(self.least)
        counts, rows, distances = self.pairs.of(unlabeled)
        place = torch.zeros(len(nearest), dtype=torch.int32, device=rows.device)
        place[unlabeled] = torch.arange(len(unlabeled), dtype=torch.int32, device=rows.device)
        return Uncovered(counts, place[rows], kernel(distances))


def minus_sqdist(points: Points, other: Points) -> Tensor:
    """A similarity: minus the squared distances of all pairs, (n, m)."""
    return sqdist(points, other).neg_()
