"""MaxHerding and UHerding: covering the pool by a smooth kernel."""

import logging
import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.fill import fill_uniformly
from alrun.selection.greedy import maximize
from alrun.selection.nearer_pairs import NearerPairs
from alrun.selection.neighbor_facility_location import cover_rows, graph_of
from alrun.selection.neighbors import nearest_neighbors
from alrun.selection.points import TILE, Dense, sqdist
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, gaussian, split_range
from alrun.selection.uncovered import Uncovered
from alrun.strategies.base import Needs, Outputs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.more.temperature import held_out_temperature, tempered
from alrun.strategies.nearby import Nearby, graph_bytes, nearby_in
from alrun.strategies.uncertainty import PART, margin
from alrun.system.units import MEGABYTE, Megabytes

log = logging.getLogger(__name__)


class MaxHerding(Strategy):
    """Greedily maximizes Σ_i max_j exp(-|x_i - x_j|² / bandwidth²) over labeled and chosen j.

    If embeddings are the same in all rounds, near pairs are kept for later queries: see ``NearerPairs``.

    Args:
        embeddings: Distances are between these.
        bandwidth: Of the Gaussian kernel.
        memory: Megabytes that the matrix of similarities may take; a larger one is computed again part by part.
        nearby: How many examples one may cover: ``all``, those of which it is among the so many nearest, found
            approximately, or ``auto``: all in up to 100,000 examples, 64 in more.

    Source: Bae et al., Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        bandwidth: Annotated[float, Gt(0)] = 1.0,
        memory: Megabytes = 2000,
        nearby: Nearby = "auto",
    ) -> None:
        self.embeddings = embeddings
        self.nearby: Nearby = nearby
        self.bandwidth = bandwidth
        self.memory = memory * MEGABYTE
        self.needs = embeddings.needs
        self.pairs: NearerPairs | None = None  # from query to query, where embeddings are frozen

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        return self.cover(unlabeled, labeled, self.bandwidth, None, query.size, query)

    def kept(self) -> Needs:
        """The embeddings."""
        return self.embeddings.needs

    def matrices(self, held: int) -> float:
        """Those of ``memory`` or, where not all examples are compared, a graph of neighbors."""
        nearby = nearby_in(self.nearby, held)
        return super().matrices(held) if nearby is None else graph_bytes(held, nearby)

    def cover(
        self,
        unlabeled: Tensor,
        labeled: Tensor,
        bandwidth: float,
        weights: Tensor | None,
        size: int,
        query: Query | None = None,
    ) -> Tensor:
        """Positions (size,) int64 by facility location above what the labeled examples cover.

        ``query`` is what it is about, if pairs may be kept for the next one.
        """
        nearby = nearby_in(self.nearby, len(unlabeled))
        if nearby is not None:
            return cover_nearby(unlabeled, labeled, bandwidth, weights, size, nearby)
        points = Dense(unlabeled)
        similarity = Similarity(points, points, gaussian(bandwidth), self.memory)
        covered, remaining = torch.zeros(len(points), device=unlabeled.device), None
        if len(labeled):
            nearest = nearest_neighbors(unlabeled, labeled, 1)[0][:, 0]
            covered = (-nearest / bandwidth**2).exp()
            if query and query.is_whole and similarity.matrix is None and self.embeddings.are_frozen(query):
                remaining = self.kept_pairs(query, unlabeled, labeled, nearest, bandwidth)
        return maximize(FacilityLocation(similarity, weights, floor=covered, remaining=remaining), size)

    def kept_pairs(
        self, query: Query, unlabeled: Tensor, labeled: Tensor, nearest: Tensor, bandwidth: float
    ) -> Uncovered | None:
        """The similarities that can still count, from the pairs of an earlier query if they serve."""
        index = torch.cat([query.unlabeled.index, query.labeled.index])
        order = index.argsort()  # the same in all rounds, and with it the round-off of a distance
        place = order.argsort()[: len(unlabeled)].to(nearest.device)
        every = nearest.new_full((len(index),), -torch.inf)
        every[place] = nearest
        if self.pairs is None or not self.pairs.serve(index[order], every):
            self.pairs = None  # gives its memory back
            points = Dense(torch.cat([unlabeled, labeled])[order.to(nearest.device)])
            self.pairs = NearerPairs(index[order], points, every, self.memory / 2)
        return self.pairs.covering(place, every, lambda distances: distances.div_(bandwidth**2).exp_())


def cover_nearby(
    unlabeled: Tensor, labeled: Tensor, bandwidth: float, weights: Tensor | None, size: int, nearby: int
) -> Tensor:
    """Positions (size,) int64 as of ``MaxHerding.cover``, where an example covers few others: see ``nearby``."""
    cells, kernel = Cells(unlabeled), -1 / bandwidth**2
    floor = torch.zeros(len(unlabeled))
    if len(labeled):
        floor = (cells.nearest(labeled, nearby)[0] * kernel).exp_().cpu()
    distances, positions = cells.neighbors(nearby)
    graph = graph_of(distances.mul_(kernel).exp_().cpu(), positions.cpu(), len(unlabeled), floor)
    del distances, positions
    weigh = None if weights is None else weights.cpu().numpy()
    return fill_uniformly(cover_rows(graph, size, floor.numpy(), weigh), len(unlabeled), size, None)


class UncertaintyHerding(MaxHerding):
    """MaxHerding that weights every example by its margin uncertainty, and adapts both to the labeled set.

    The uncertainty is that of probabilities at a temperature, which a second training on a part of the labeled set
    finds (``held_out_temperature``): a round takes about twice as long. The bandwidth is the smallest distance between
    labeled examples that differ, or ``bandwidth`` if no two differ.

    Source: Bae et al., Uncertainty Herding: One Active Learning Method for All Label Budgets, ICLR 2025,
    as in the authors' code, which draws 35,000 examples of a larger pool where this takes them all.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        bandwidth: Annotated[float, Gt(0)] = 1.0,
        memory: Megabytes = 2000,
        nearby: Nearby = "auto",
    ) -> None:
        super().__init__(embeddings, bandwidth, memory, nearby)
        self.needs = Needs(embedding=embeddings.needs.embedding, log_probs=True, labeled=embeddings.needs.labeled)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        temperature, labeled = held_out_temperature(query), self.embeddings.at(query, query.labeled)
        apart = float(smallest_distance(Dense(labeled))) if len(labeled) else math.inf
        bandwidth = apart if math.isfinite(apart) else self.bandwidth
        log.info("UHerding: temperature %.1f, bandwidth %.4g", temperature, bandwidth)

        def embedded_and_weighed(part: Outputs) -> tuple[Tensor, ...]:
            return self.embeddings.at(query, part), tempered_margin(part.log_probs, temperature)

        unlabeled, weights = query.unlabeled.collected(embedded_and_weighed)
        return self.cover(unlabeled, labeled, bandwidth, weights, query.size, query)

    def kept(self) -> Needs:
        """The embeddings: log-probabilities become weights, part by part."""
        return self.embeddings.needs


def tempered_margin(log_probs: Tensor, temperature: float) -> Tensor:
    """The margin of each row of ``log_probs`` (n, C) at ``temperature``: (n,)."""
    return torch.cat([margin(tempered(part, temperature)) for part in log_probs.split(PART)])  # few rows are copied


def smallest_distance(points: Dense) -> Tensor:
    """The smallest distance above zero between two of ``points``; infinite if there is none."""
    least = torch.full((), torch.inf, dtype=points.x.dtype, device=points.x.device)
    tiles = split_range(len(points), TILE)
    for number, rows in enumerate(tiles):
        for columns in tiles[number:]:
            distances = sqdist(points.take(rows), points.take(columns))
            least = torch.minimum(least, distances.masked_fill_(distances == 0, torch.inf).amin())
    return least.sqrt()
