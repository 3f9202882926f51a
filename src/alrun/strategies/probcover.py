"""ProbCover: balls that cover as much of the pool as possible."""

import logging
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from alrun.selection.coverage import ball_cover, nearby_ball_cover, pure_radius
from alrun.selection.near_pairs import NearPairs, pairs_bytes
from alrun.selection.nearby_kmeans import nearby_kmeans
from alrun.selection.points import Dense
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.nearby import Nearby, graph_bytes, nearby_in
from alrun.system.errors import UserError

log = logging.getLogger(__name__)

SAMPLE = 4096  # balls that give the radius where not all examples are compared


class ProbCover(Strategy):
    """Greedy maximum coverage by balls of one radius around labeled examples.

    Args:
        embeddings: Distances are between these.
        radius: Of the balls; null: the largest at which a share ``purity`` of them hold one cluster only.
        purity: Share of pure balls, for the estimate of the radius.
        clusters: k-means clusters that replace classes in that estimate; null: as many as there are labeled classes.
        nearby: Whose balls may hold an example: ``all``, those of its so many nearest, found approximately, or
            ``auto``: all in up to 100,000 examples, 64 in more. Then ``SAMPLE`` balls give the radius.

    Source: Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        radius: Annotated[float, Ge(0)] | None = None,
        purity: Annotated[float, Gt(0), Le(1)] = 0.95,
        clusters: Annotated[int, Ge(2)] | None = None,
        nearby: Nearby = "auto",
    ) -> None:
        self.embeddings = embeddings
        self.radius = radius
        self.purity = purity
        self.clusters = clusters
        self.nearby: Nearby = nearby
        self.needs = embeddings.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        points = Dense(unlabeled)
        near = NearPairs(points)
        radius, nearby = self.radius, nearby_in(self.nearby, len(points))
        if radius is None:
            if not len(labeled) and self.clusters is None:
                raise UserError(
                    "strategy=probcover: nothing is labeled yet: give its setting clusters the number of classes, such "
                    "as strategy.clusters=10, or seed_set.strategy.clusters=10 in a seed set."
                )
            count = min(self.clusters or max(2, len(query.labels.unique())), len(points))
            labels = nearby_kmeans(unlabeled, count, query.rng, nearby).labels
            among = None
            if nearby is not None:
                among = torch.randperm(len(points), generator=query.rng)[:SAMPLE].to(labels.device)
            radius = pure_radius(points, labels, self.purity, among, near)
            log.info("ProbCover: balls of radius %.4g", radius)
        if nearby is not None:
            return nearby_ball_cover(points, Dense(labeled), radius, query.size, query.rng, nearby)
        return ball_cover(points, Dense(labeled), radius, query.size, query.rng, near)

    def kept(self) -> Needs:
        """The embeddings."""
        return self.embeddings.needs

    def matrices(self, held: int) -> float:
        """The near pairs or, where not all examples are compared, a graph of neighbors."""
        nearby = nearby_in(self.nearby, held)
        return pairs_bytes(held) if nearby is None else graph_bytes(held, nearby)
