"""Submodular sampling: a set of examples that represents the pool, or whose members differ."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.selection.disparity import disparity_sum
from alrun.selection.greedy import SetFunction, maximize, stochastic_greedy
from alrun.selection.k_center import k_center
from alrun.selection.mutual_neighbors import ROOM
from alrun.selection.neighbor_facility_location import nearby_facility_location, neighbor_facility_location
from alrun.selection.points import Dense, Points
from alrun.selection.set_functions import FacilityLocation, FeatureBased, GraphCut, LogDeterminant
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.base import Needs, Outputs, Query, Strategy
from alrun.strategies.nearby import Nearby, graph_bytes, nearby_in
from alrun.system.errors import SettingError
from alrun.system.units import MEGABYTE, Megabytes

Function = Literal[
    "facility_location", "graph_cut", "log_determinant", "feature_based", "disparity_min", "disparity_sum"
]
Representation = Literal["embedding", "gradient"]


class Submodular(Strategy):
    """Greedily maximizes ``function`` of the chosen examples among the pool, with cosine similarities from 0 to 1.

    Args:
        function: ``facility_location`` (every example resembles a chosen one), ``graph_cut`` (the chosen resemble all,
            but not one another), ``log_determinant`` (they span a large volume), ``feature_based`` (every feature
            is strong in some), ``disparity_min`` and ``disparity_sum`` (smallest and summed distance between them).
        representation: Of an example: its ``embedding``, or the ``gradient`` at its predicted label.
        memory: Megabytes that a matrix of similarities may take; a larger one is computed again part by part.
        neighbors: Of facility location: similarities of each example to that many others only; null: to all.
        nearby: Of facility location on embeddings, without ``neighbors``: how many others each example is compared
            with: ``all``, its so many nearest, found approximately, or ``auto``: all in up to 100,000 examples, 64 in
            more.
        epsilon: Of stochastic greedy choice, for speed; null: lazy greedy, exact.

    Source: Wei, Iyer and Bilmes, ICML 2015; Kaushal et al., submodlib, 2022, for the list of functions.
    """

    def __init__(
        self,
        function: Function = "facility_location",
        representation: Representation = "embedding",
        memory: Megabytes = 2000,
        neighbors: Annotated[int, Ge(1)] | None = None,
        epsilon: Annotated[float, Ge(1e-6)] | None = None,
        nearby: Nearby = "auto",
    ) -> None:
        located = (function, representation, neighbors) == ("facility_location", "embedding", None)
        if isinstance(nearby, int) and not located:
            raise SettingError(
                f"strategy.nearby={nearby} is for strategy.function=facility_location on embeddings, without "
                "strategy.neighbors: use strategy.nearby=auto."
            )
        if function == "feature_based" and representation == "gradient":
            raise SettingError("strategy.function=feature_based needs features: use strategy.representation=embedding.")
        self.function: Function = function
        self.representation: Representation = representation
        self.memory = memory * MEGABYTE
        self.neighbors = neighbors
        self.epsilon = epsilon
        self.nearby: Nearby = nearby if located else "all"
        self.needs = Needs(gradient=True) if representation == "gradient" else Needs(embedding=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        points = represent(query.unlabeled, self.representation)
        return self.maximize(points, query.size, query.rng)

    def matrices(self, held: int) -> float:
        """Those of ``memory`` or, where not all examples are compared, a graph of neighbors."""
        if self.function == "facility_location" and self.neighbors is not None:
            return (8 * ROOM + 4 + 8) * held * min(self.neighbors, held)  # as mutual_neighbors returns them
        nearby = nearby_in(self.nearby, held)
        return super().matrices(held) if nearby is None else graph_bytes(held, nearby)

    def maximize(self, points: Points, size: int, rng: torch.Generator) -> Tensor:
        """Positions (size,) int64 in ``points`` that maximize ``function``."""
        if self.function == "disparity_min":
            return k_center(points, points.take(points.sqnorm.argmin()[None]), size, rng)
        if self.function == "disparity_sum":
            return disparity_sum(points, size)
        if self.function == "feature_based":
            assert isinstance(points, Dense)
            return self.greedy(FeatureBased(points.x.clamp_min(0)), size, rng)
        normalized = points.normalized()
        nearby = nearby_in(self.nearby, len(points))
        if nearby is not None:
            assert isinstance(normalized, Dense)
            return nearby_facility_location(normalized, nearby, size)
        similarity = Similarity(normalized, normalized, cosine, self.memory)
        if self.function == "graph_cut":
            return self.greedy(GraphCut(similarity), size, rng)
        if self.function == "log_determinant":
            return self.greedy(LogDeterminant(similarity), size, rng)
        if self.neighbors is not None:
            return neighbor_facility_location(similarity, self.neighbors, size)
        return self.greedy(FacilityLocation(similarity), size, rng)

    def greedy(self, function: SetFunction, size: int, rng: torch.Generator) -> Tensor:
        """Positions (size,) int64 by exact greedy choice, or by stochastic choice if ``epsilon`` is set."""
        if self.epsilon is None:
            return maximize(function, size)
        return stochastic_greedy(function, size, rng, self.epsilon)


def represent(outputs: Outputs, representation: Representation) -> Points:
    """The examples as points: embeddings as rows, or gradients as factors."""
    return outputs.gradient if representation == "gradient" else Dense(outputs.embedding)
