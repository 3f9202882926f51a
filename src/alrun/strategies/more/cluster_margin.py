"""Cluster-Margin: small margins, spread over clusters."""

import math
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor

from alrun.models.linear import Linear
from alrun.selection.nearby_kmeans import nearby_kmeans
from alrun.strategies.base import Needs, Query, Strategy, highest
from alrun.strategies.nearby import Nearby, nearby_in
from alrun.strategies.uncertainty import margin


class ClusterMargin(Strategy):
    """Takes examples of small margin in turns from their clusters, small clusters first.

    The candidates are the ``candidate_factor`` x budget examples with the smallest margins. Average linkage over the
    pool's embeddings makes budget / ``labels_per_cluster`` clusters. Pools of more than ``max_points`` are first
    reduced to that many k-means centers, since the cost of linkage grows with the square of their number. Where the
    embeddings are the same in all rounds the pool is clustered once, as in the paper; else every round clusters the
    unlabeled examples by its own embeddings. ``nearby`` says how many of those centers an example is compared with:
    ``all``, its so many nearest, found approximately, or ``auto``: all in up to 100,000 examples, 64 in more.

    Source: Citovsky et al., Batch Active Learning at Scale, NeurIPS 2021, Algorithm 1.
    """

    needs = Needs(log_probs=True, embedding=True, labeled=True)

    def __init__(
        self,
        candidate_factor: Annotated[float, Ge(1)] = 1.25,
        labels_per_cluster: Annotated[float, Ge(0.01)] = 1.25,
        max_points: Annotated[int, Ge(2)] = 5000,
        nearby: Nearby = "auto",
    ) -> None:
        self.candidate_factor = candidate_factor
        self.labels_per_cluster = labels_per_cluster
        self.max_points = max_points
        self.nearby: Nearby = nearby
        self.made: tuple[Tensor, int, Tensor] | None = None  # examples, number of clusters, and the cluster of each

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: one at random from every cluster, then a second one, and so on."""
        embedding, margins = query.unlabeled.collected(lambda part: (part.embedding, margin(part.log_probs)))
        count = min(len(embedding), max(query.size, round(self.candidate_factor * query.size)))
        candidates = highest(margins, count).cpu()
        clusters = self.clusters(embedding, query)[candidates]
        mixed = torch.randperm(count, generator=query.rng)
        candidates, clusters = candidates[mixed], clusters[mixed]
        return candidates[torch.from_numpy(order_in_turns(clusters.numpy())[: query.size].copy())]

    def kept(self) -> Needs:
        """Embeddings: log-probabilities become margins, part by part."""
        return Needs(embedding=True)

    def clusters(self, embedding: Tensor, query: Query) -> Tensor:
        """The cluster of every unlabeled example, given its embedding: (n,) int64, on the CPU."""
        count = math.ceil(query.size / self.labels_per_cluster)
        if not query.is_whole or not isinstance(query.model, Linear):
            return self.linked(embedding, count, query.rng)
        index = torch.cat([query.unlabeled.index, query.labeled.index])
        order = index.argsort()
        if self.made is None or self.made[1] != count or not self.made[0].equal(index[order]):
            whole = torch.cat([embedding, query.labeled.embedding])[order.to(embedding.device)]
            self.made = index[order], count, self.linked(whole, count, torch.Generator().manual_seed(0))
        return self.made[2][order.argsort()[: len(embedding)]]

    def linked(self, embedding: Tensor, count: int, rng: torch.Generator) -> Tensor:
        """``count`` clusters, fewer if there are fewer points: the cluster of each row (n,) int64, on the CPU."""
        points, member = embedding, torch.arange(len(embedding))
        if len(embedding) > self.max_points:
            nearby = nearby_in(self.nearby, len(embedding))
            points, member = nearby_kmeans(embedding, self.max_points, rng, nearby, iterations=5)
        if len(points) == 1:
            return torch.zeros(len(embedding), dtype=torch.int64)
        linkage = AgglomerativeClustering(n_clusters=min(len(points), count), linkage="average")
        return torch.from_numpy(linkage.fit(points.double().cpu().numpy()).labels_)[member.cpu()]


def order_in_turns(clusters: np.ndarray) -> np.ndarray:
    """Order of the elements: the first of each cluster, small clusters first, then the second of each, and so on."""
    _, cluster, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    grouped = np.argsort(cluster, kind="stable")
    turn = np.empty(len(clusters), dtype=np.int64)
    turn[grouped] = np.arange(len(clusters)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.lexsort((cluster, sizes[cluster], turn))
