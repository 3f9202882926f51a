"""MaxHerding and UHerding: covering the pool by a smooth kernel."""

import logging
import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from alrun.selection.greedy import maximize
from alrun.selection.neighbors import nearest_neighbors
from alrun.selection.points import BLOCK, Dense, sqdist
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, gaussian, split_range
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.more.temperature import held_out_temperature, tempered
from alrun.strategies.uncertainty import margin
from alrun.system.units import MEGABYTE, Megabytes

log = logging.getLogger(__name__)


class MaxHerding(Strategy):
    """Greedily maximizes Σ_i max_j exp(-|x_i - x_j|² / bandwidth²) over labeled and chosen j.

    Args:
        embeddings: Distances are between these.
        bandwidth: Of the Gaussian kernel.
        memory: Megabytes that the matrix of similarities may take; a larger one is computed again part by part.

    Source: Bae et al., Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024.
    """

    def __init__(
        self, embeddings: Embeddings, bandwidth: Annotated[float, Gt(0)] = 1.0, memory: Megabytes = 2000
    ) -> None:
        self.embeddings = embeddings
        self.bandwidth = bandwidth
        self.memory = memory * MEGABYTE
        self.needs = embeddings.needs

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        return self.cover(unlabeled, labeled, self.bandwidth, None, query.size)

    def cover(self, unlabeled: Tensor, labeled: Tensor, bandwidth: float, weights: Tensor | None, size: int) -> Tensor:
        """Positions (size,) int64 by facility location above what the labeled examples cover."""
        points, kernel = Dense(unlabeled), gaussian(bandwidth)
        covered = torch.zeros(len(points), device=unlabeled.device)
        if len(labeled):
            nearest, _ = nearest_neighbors(unlabeled, labeled, 1)
            covered = (-nearest[:, 0] / bandwidth**2).exp()
        similarity = Similarity(points, points, kernel, self.memory)
        return maximize(FacilityLocation(similarity, weights, floor=covered), size)


class UncertaintyHerding(MaxHerding):
    """MaxHerding that weights every example by its margin uncertainty, and adapts both to the labeled set.

    The uncertainty is that of probabilities at a temperature, which a second training on a part of the labeled set
    finds (``held_out_temperature``): a round takes about twice as long. The bandwidth is the smallest distance between
    labeled examples that differ, or ``bandwidth`` if no two differ.

    Source: Bae et al., Uncertainty Herding: One Active Learning Method for All Label Budgets, ICLR 2025,
    as in the authors' code, which draws 35,000 examples of a larger pool where this takes them all.
    """

    def __init__(
        self, embeddings: Embeddings, bandwidth: Annotated[float, Gt(0)] = 1.0, memory: Megabytes = 2000
    ) -> None:
        super().__init__(embeddings, bandwidth, memory)
        self.needs = Needs(embedding=embeddings.needs.embedding, log_probs=True, labeled=embeddings.needs.labeled)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        apart = float(smallest_distance(Dense(labeled))) if len(labeled) else math.inf
        temperature = held_out_temperature(query)
        weights = margin(tempered(query.unlabeled.log_probs, temperature))
        bandwidth = apart if math.isfinite(apart) else self.bandwidth
        log.info("UHerding: temperature %.1f, bandwidth %.4g", temperature, bandwidth)
        return self.cover(unlabeled, labeled, bandwidth, weights, query.size)


def smallest_distance(points: Dense) -> Tensor:
    """The smallest distance above zero between two of ``points``; infinite if there is none."""
    least = torch.full((), torch.inf, dtype=points.x.dtype, device=points.x.device)
    for part in split_range(len(points), max(1, BLOCK[points.x.device.type] // len(points))):
        distances = sqdist(points.take(part), points)
        least = torch.minimum(least, distances.masked_fill_(distances == 0, torch.inf).amin())
    return least.sqrt()
