"""CORESET: cover the pool."""

from torch import Tensor

from alrun.selection.k_center import k_center
from alrun.strategies.base import Needs, Query, Strategy


class Coreset(Strategy):
    """Greedy k-center on embeddings: each time the example that is farthest from all labeled and chosen ones.

    Source: Sener and Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018,
    Algorithm 1.
    """

    needs = Needs(embedding=True, labeled=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, farthest first."""
        return k_center(query.unlabeled.points, query.labeled.points, query.size, query.rng)

    def held(self, count: int, size: int) -> int:
        """None: distances are updated in passes over the pool."""
        return 0
