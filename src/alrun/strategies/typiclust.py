"""TypiClust: the most typical example of each cluster."""

from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.nearby_kmeans import nearby_kmeans
from alrun.selection.neighbors import nearest_neighbors
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.nearby import Nearby, nearby_in

MANY = 20_000  # examples of a cluster from which on cells find their neighbors, if they may


class TypiClust(Strategy):
    """The most typical example of each cluster; clusters without labels come first, large ones before small ones.

    There are as many clusters as labels after the query, at most ``max_clusters``. Typicality is the inverse mean
    distance to the ``neighbors`` nearest examples in the cluster. Clusters of fewer than ``min_size`` come last.

    Args:
        embeddings: Distances are between these.
        max_clusters: At most this many.
        neighbors: Whose mean distance is the typicality.
        min_size: Of a cluster that does not come last.
        nearby: How many centers an example is compared with: ``all``, its so many nearest, found approximately, or
            ``auto``: all in up to 100,000 examples, 64 in more. The same goes for the neighbors in a cluster.

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
        nearby: Nearby = "auto",
    ) -> None:
        self.embeddings = embeddings
        self.max_clusters = max_clusters
        self.neighbors = neighbors
        self.min_size = min_size
        self.nearby: Nearby = nearby
        self.needs = embeddings.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: one example of each cluster, then a second one of each, and so on."""
        unlabeled, labeled = self.embeddings.of(query)
        count = min(len(labeled) + query.size, self.max_clusters)
        nearby = nearby_in(self.nearby, len(unlabeled))
        clusters = nearby_kmeans(torch.cat([unlabeled, labeled]), count, query.rng, nearby).labels.cpu()
        of_unlabeled, of_labeled = clusters[: len(unlabeled)], clusters[len(unlabeled) :]
        known, sizes = (labels.bincount(minlength=count) for labels in (of_labeled, clusters))
        small = sizes < self.min_size
        place = np.empty(count, dtype=np.int64)  # of each cluster in the order of choice
        place[np.lexsort((-sizes.numpy(), known.numpy()))] = np.arange(count)
        turn = self.by_typicality(unlabeled, of_unlabeled, nearby)
        order = np.lexsort((place[of_unlabeled.numpy()], turn.numpy(), small[of_unlabeled].numpy()))
        return torch.from_numpy(order[: query.size].copy())

    def kept(self) -> Needs:
        """The embeddings."""
        return self.embeddings.needs

    def by_typicality(self, x: Tensor, clusters: Tensor, nearby: int | None) -> Tensor:
        """The rank of each example within its cluster, 0 for the most typical one: (n,) int64."""
        turn = torch.empty(len(x), dtype=torch.int64)
        for cluster in clusters.unique():
            members = (clusters == cluster).nonzero().flatten()
            if len(members) == 1:
                turn[members] = 0
                continue
            own = x[members.to(x.device)]
            count = min(self.neighbors, len(members) - 1)
            if nearby is not None and len(members) > MANY:
                distance, _ = Cells(own).neighbors(count, itself=False)
            else:
                distance, _ = nearest_neighbors(own, own, count, itself=False)
            turn[members[distance.sqrt().mean(1).cpu().argsort(stable=True)]] = torch.arange(len(members))
        return turn
