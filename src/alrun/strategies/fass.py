"""FASS: filter the uncertain examples, then select those that represent them."""

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, Strategy, highest
from alrun.strategies.more.submodular import Function, Representation, Submodular, represent
from alrun.strategies.nearby import Nearby
from alrun.strategies.uncertainty import entropy, least_confidence, margin
from alrun.system.units import Megabytes

Uncertainty = Literal["entropy", "margin", "least_confidence"]
UNCERTAINTY = {"entropy": entropy, "margin": margin, "least_confidence": least_confidence}


class Fass(Submodular):
    """Filtered active submodular selection: ``function`` among the most uncertain examples.

    The filter keeps ``candidate_factor`` x budget examples.

    Source: Wei, Iyer and Bilmes, Submodularity in Data Subset Selection and Active Learning, ICML 2015, Algorithm 1;
    five times the budget as in the paper's experiments.
    """

    def __init__(
        self,
        candidate_factor: Annotated[float, Ge(1)] = 5.0,
        uncertainty: Uncertainty = "entropy",
        function: Function = "facility_location",
        representation: Representation = "embedding",
        memory: Megabytes = 2000,
        neighbors: Annotated[int, Ge(1)] | None = None,
        epsilon: Annotated[float, Ge(1e-6)] | None = None,
        nearby: Nearby = "auto",
    ) -> None:
        super().__init__(function, representation, memory, neighbors, epsilon, nearby)
        self.candidate_factor = candidate_factor
        self.uncertainty = uncertainty
        self.needs = Needs(log_probs=True, embedding=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        count = max(query.size, round(min(len(query.unlabeled), self.candidate_factor * query.size)))
        among = highest(UNCERTAINTY[self.uncertainty](query.unlabeled.log_probs), count)
        points = represent(query.unlabeled.take(among.cpu()), self.representation)
        return among[self.maximize(points, query.size, query.rng).to(among.device)]

    def matrices(self, held: int) -> float:
        """Those of ``memory``: a graph of neighbors is one of the candidates, which are few."""
        return Strategy.matrices(self, held)
