"""Strategies that cluster embeddings by k-means, or spread them by k-means++."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.nearby_kmeans import nearby_kmeans, nearby_representatives, streamed_kmeans_points
from alrun.selection.streamed import Streamed
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.nearby import Nearby, nearby_in
from alrun.strategies.uncertainty import entropy


class KMeansSampling(Strategy):
    """The examples nearest to the k-means centers, with one cluster for each label asked for.

    ``nearby`` says how many centers an example is compared with: ``all``, its so many nearest, found approximately, or
    ``auto``: all in up to 100,000 examples, 64 in more.

    Source: Zhdanov, Diverse Mini-Batch Active Learning, 2019, without weights; the toolkit's k-means sampling.
    """

    needs = Needs(embedding=True)

    def __init__(self, iterations: Annotated[int, Ge(0)] = 10, nearby: Nearby = "auto") -> None:
        self.iterations = iterations
        self.nearby: Nearby = nearby

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, one example of each cluster."""
        points, nearby = query.unlabeled.points, nearby_in(self.nearby, len(query.unlabeled))
        if isinstance(points, Streamed):
            assert nearby is not None
            return streamed_kmeans_points(points, query.size, query.rng, nearby, self.iterations)
        embedding = query.unlabeled.embedding
        clusters = nearby_kmeans(embedding, query.size, query.rng, nearby, iterations=self.iterations)
        return nearby_representatives(embedding, clusters, nearby)

    def held(self, count: int, size: int) -> int:
        """None where examples are compared with near centers alone."""
        return count if nearby_in(self.nearby, count) is None else 0


class KMeansPlusPlus(Strategy):
    """k-means++ seeding on embeddings: spread out, without regard to labels or uncertainty.

    Source: Arthur and Vassilvitskii 2007; a baseline of Ash et al. 2020.
    """

    needs = Needs(embedding=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, the longest embedding first."""
        return kmeans_plus_plus(query.unlabeled.points, query.size, query.rng)

    def held(self, count: int, size: int) -> int:
        """None: distances are updated in passes over the pool."""
        return 0


class Clue(Strategy):
    """k-means that weights every example by the entropy of its prediction at ``temperature``.

    The weights count in the draws of the first centers as well as in the means. ``nearby`` is as of ``KMeansSampling``.

    Source: Prabhu et al., Active Domain Adaptation via Clustering Uncertainty-weighted Embeddings, ICCV 2021,
    Algorithm 1, as in the authors' code (CLUE.py) with scikit-learn 1.3 or later, with two differences: k-means stops
    after ``iterations``, not 300; if centers share their nearest example, the others take their next nearest of the
    rest, where there all centers give their second nearest. With the older versions of scikit-learn that the authors
    had, weights did not count in the first draws and the best of ten tries was taken.
    """

    needs = Needs(embedding=True, log_probs=True)

    def __init__(
        self,
        temperature: Annotated[float, Gt(0)] = 1.0,
        iterations: Annotated[int, Ge(0)] = 10,
        nearby: Nearby = "auto",
    ) -> None:
        self.temperature = temperature
        self.iterations = iterations
        self.nearby: Nearby = nearby

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: the examples nearest to the centers."""
        embedding = query.unlabeled.embedding
        weights = entropy((query.unlabeled.log_probs / self.temperature).log_softmax(1))
        weights = weights.clamp_min(torch.finfo(weights.dtype).eps)
        nearby = nearby_in(self.nearby, len(embedding))
        clusters = nearby_kmeans(embedding, query.size, query.rng, nearby, weights, self.iterations)
        return nearby_representatives(embedding, clusters, nearby)
