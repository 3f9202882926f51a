"""BADGE: uncertain and diverse at once."""

from torch import Tensor

from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.strategies.base import Needs, Query, Strategy


class Badge(Strategy):
    """k-means++ on the last layer's gradients at the predicted labels.

    Source: Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, ICLR 2020.
    """

    needs = Needs(gradient=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: long gradients (uncertain examples) that differ from one another."""
        return kmeans_plus_plus(query.unlabeled.gradient, query.size, query.rng)

    def held(self, count: int, size: int) -> int:
        """None: distances are updated in passes over the pool."""
        return 0
