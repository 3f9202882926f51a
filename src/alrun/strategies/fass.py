"""FASS: first what is uncertain, then what represents it."""

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Outputs, Query, highest
from alrun.strategies.submodular import Function, Representation, Submodular, represent
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alrun.system.units import Megabytes

Uncertainty = Literal["entropy", "margin", "least_confidence"]
SCORES = {"entropy": Entropy, "margin": Margin, "least_confidence": LeastConfidence}


class Fass(Submodular):
    """Filtered active submodular selection: ``function`` among the ``candidates`` x budget most uncertain examples.

    Source: Wei, Iyer and Bilmes, Submodularity in Data Subset Selection and Active Learning, ICML 2015, Algorithm 1;
    five times the budget as in the paper's experiments.
    """

    def __init__(
        self,
        candidates: Annotated[float, Ge(1)] = 5.0,
        uncertainty: Uncertainty = "entropy",
        function: Function = "facility_location",
        representation: Representation = "embedding",
        memory: Megabytes = 2000,
        neighbours: Annotated[int, Ge(1)] | None = None,
        epsilon: Annotated[float, Ge(1e-6)] | None = None,
    ) -> None:
        super().__init__(function, representation, memory, neighbours, epsilon)
        self.candidates = candidates
        self.uncertainty = uncertainty
        self.needs = Needs(log_probs=True, embedding=True)

    def select(self, query: Query) -> Tensor:
        """In the order of choice."""
        count = max(query.size, round(min(len(query.unlabeled), self.candidates * query.size)))
        among = self.uncertain(query.unlabeled, count)
        points = represent(query.unlabeled.take(among.cpu()), self.representation)
        return among[self.maximize(points, query.size, query.rng).to(among.device)]

    def uncertain(self, outputs: Outputs, count: int) -> Tensor:
        """The ``count`` most uncertain examples."""
        return highest(SCORES[self.uncertainty]().score(outputs), count)
