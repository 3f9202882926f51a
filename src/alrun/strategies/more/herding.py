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
from alrun.selection.neighbor_facility_location import cover_rows, graph_of
from alrun.selection.neighbors import nearest_neighbors
from alrun.selection.points import TILE, Dense, sqdist
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, gaussian, split_range
from alrun.strategies.base import Needs, Outputs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.more.temperature import held_out_temperature, tempered
from alrun.strategies.nearby import Nearby, graph_bytes, nearby_in
from alrun.strategies.uncertainty import PART, margin
from alrun.system.units import MEGABYTE, Megabytes

log = logging.getLogger(__name__)


class MaxHerding(Strategy):
    """Greedily maximizes Σ_i max_j exp(-|x_i - x_j|² / bandwidth²) over labeled and chosen j.

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

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        return self.cover(unlabeled, labeled, self.bandwidth, None, query.size)

    def kept(self) -> Needs:
        """The embeddings."""
        return self.embeddings.needs

    def matrices(self, held: int) -> float:
        """Those of ``memory`` or, where not all examples are compared, a graph of neighbors."""
        nearby = nearby_in(self.nearby, held)
        return super().matrices(held) if nearby is None else graph_bytes(held, nearby)

    def cover(self, unlabeled: Tensor, labeled: Tensor, bandwidth: float, weights: Tensor | None, size: int) -> Tensor:
        """Positions (size,) int64 by facility location above what the labeled examples cover."""
        nearby = nearby_in(self.nearby, len(unlabeled))
        if nearby is not None:
            return cover_nearby(unlabeled, labeled, bandwidth, weights, size, nearby)
        points, kernel = Dense(unlabeled), gaussian(bandwidth)
        covered = torch.zeros(len(points), device=unlabeled.device)
        if len(labeled):
            nearest, _ = nearest_neighbors(unlabeled, labeled, 1)
            covered = (-nearest[:, 0] / bandwidth**2).exp()
        similarity = Similarity(points, points, kernel, self.memory)
        return maximize(FacilityLocation(similarity, weights, floor=covered), size)


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
        return self.cover(unlabeled, labeled, bandwidth, weights, query.size)

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
