"""MaxHerding and UHerding: covering the pool by a smooth kernel."""

import torch
from torch import Tensor

from alrun.embeddings import Embeddings
from alrun.errors import UserError, at_least
from alrun.selection.greedy import maximize
from alrun.selection.neighbours import nearest_neighbours
from alrun.selection.points import Dense
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, gaussian
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.submodular import MEGABYTE
from alrun.strategies.uncertainty import Margin


class MaxHerding(Strategy):
    """Greedily maximises Σ_i max_j exp(-|x_i - x_j|² / bandwidth²) over labeled and chosen j.

    Args:
        embeddings: In which distances are taken.
        bandwidth: Of the Gaussian kernel.
        memory: Megabytes that the matrix of similarities may take; a larger one is computed anew part by part.

    Source: Bae et al., Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024.
    """

    def __init__(self, embeddings: Embeddings, bandwidth: float = 1.0, memory: float = 2000) -> None:
        if bandwidth <= 0:
            raise UserError(f"strategy.bandwidth={bandwidth} is no width: give a number above 0.")
        at_least("strategy.memory", memory, 0)
        self.embeddings = embeddings
        self.bandwidth = bandwidth
        self.memory = memory * MEGABYTE
        self.needs = embeddings.needs

    def select(self, query: Query) -> Tensor:
        """In the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        return self.cover(unlabeled, labeled, self.bandwidth, None, query.size)

    def cover(self, unlabeled: Tensor, labeled: Tensor, bandwidth: float, weights: Tensor | None, size: int) -> Tensor:
        """Facility location above what the labeled examples cover."""
        points, kernel = Dense(unlabeled), gaussian(bandwidth)
        covered = torch.zeros(len(points), device=unlabeled.device)
        if len(labeled):
            nearest, _ = nearest_neighbours(unlabeled, labeled, 1)
            covered = (-nearest[:, 0] / bandwidth**2).exp()
        similarity = Similarity(points, points, kernel, self.memory)
        return maximize(FacilityLocation(similarity, weights, floor=covered), size)


class UncertaintyHerding(MaxHerding):
    """MaxHerding in which every example counts by its margin uncertainty, with a bandwidth that shrinks.

    The bandwidth is the smallest distance between labeled examples, ``bandwidth`` at the most. (The paper also
    calibrates the probabilities by a temperature.)

    Source: Bae et al., Uncertainty Herding: One Active Learning Method for All Label Budgets, ICLR 2025.
    """

    def __init__(self, embeddings: Embeddings, bandwidth: float = 1.0, memory: float = 2000) -> None:
        super().__init__(embeddings, bandwidth, memory)
        self.needs = Needs(embedding=embeddings.needs.embedding, log_probs=True, labeled=embeddings.needs.labeled)

    def select(self, query: Query) -> Tensor:
        """In the order of choice."""
        unlabeled, labeled = self.embeddings.of(query)
        bandwidth = self.bandwidth
        if len(labeled) > 1:
            closest = nearest_neighbours(labeled, labeled, 1, itself=False)[0].sqrt()
            apart = closest[closest > 0]
            bandwidth = min(bandwidth, float(apart.min())) if len(apart) else bandwidth
        return self.cover(unlabeled, labeled, bandwidth, Margin().score(query.unlabeled), query.size)
