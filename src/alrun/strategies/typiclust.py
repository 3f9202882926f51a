"""TypiClust: the most typical example of each cluster."""

from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from alrun.selection.kmeans import kmeans
from alrun.selection.neighbors import nearest_neighbors
from alrun.strategies.base import Query, Strategy
from alrun.strategies.embeddings import Embeddings


class TypiClust(Strategy):
    """The most typical example of each cluster; clusters without labels come first, large ones before small ones.

    There are as many clusters as labels after the query, at most ``max_clusters``. Typicality is the inverse mean
    distance to the ``neighbors`` nearest examples in the cluster. Clusters of fewer than ``min_size`` come last.

    Source: Hacohen, Dekel and Weinshall, Active Learning on a Budget, ICML 2022, Section 3 and Appendix: the paper's
    form to the letter, with k-means for any number of clusters where it takes mini-batches above 50. The authors' code
    (typiclust.py) differs: it averages squared distances, to min(20, half the cluster) neighbors, again after each pick
    of a cluster, and leaves out clusters of ``min_size`` as well; it picks 57 to 87 % of the same examples.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        max_clusters: Annotated[int, Ge(1)] = 500,
        neighbors: Annotated[int, Ge(1)] = 20,
        min_size: int = 5,
    ) -> None:
        self.embeddings = embeddings
        self.max_clusters = max_clusters
        self.neighbors = neighbors
        self.min_size = min_size
        self.needs = embeddings.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: one example of each cluster, then a second one of each, and so on."""
        unlabeled, labeled = self.embeddings.of(query)
        count = min(len(labeled) + query.size, self.max_clusters)
        clusters = kmeans(torch.cat([unlabeled, labeled]), count, query.rng).labels.cpu()
        of_unlabeled, of_labeled = clusters[: len(unlabeled)], clusters[len(unlabeled) :]
        known, sizes = (labels.bincount(minlength=count) for labels in (of_labeled, clusters))
        small = sizes < self.min_size
        place = np.empty(count, dtype=np.int64)  # of each cluster in the order of choice
        place[np.lexsort((-sizes.numpy(), known.numpy()))] = np.arange(count)
        turn = self.by_typicality(unlabeled, of_unlabeled)
        order = np.lexsort((place[of_unlabeled.numpy()], turn.numpy(), small[of_unlabeled].numpy()))
        return torch.from_numpy(order[: query.size].copy())

    def by_typicality(self, x: Tensor, clusters: Tensor) -> Tensor:
        """The rank of each example within its cluster, 0 for the most typical one: (n,) int64."""
        turn = torch.empty(len(x), dtype=torch.int64)
        for cluster in clusters.unique():
            members = (clusters == cluster).nonzero().flatten()
            if len(members) == 1:
                turn[members] = 0
                continue
            own = x[members.to(x.device)]
            distance, _ = nearest_neighbors(own, own, min(self.neighbors, len(members) - 1), itself=False)
            turn[members[distance.sqrt().mean(1).cpu().argsort(stable=True)]] = torch.arange(len(members))
        return turn
