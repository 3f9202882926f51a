"""TCM: TypiClust first, then margins."""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import Margin


class Tcm(Strategy):
    """TypiClust up to ``labels_per_class`` labels for each class, then the smallest margins.

    Source: Doucet et al., Bridging Diversity and Uncertainty in Active Learning with Self-Supervised Pre-Training,
    2024. The point of change is a setting here.
    """

    def __init__(self, embeddings: Embeddings, labels_per_class: Annotated[float, Ge(0)] = 10) -> None:
        self.typical = TypiClust(embeddings)
        self.labels_per_class = labels_per_class
        self.needs = Needs(embedding=embeddings.needs.embedding, log_probs=True, labeled=embeddings.needs.labeled)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64 by TypiClust or by margin."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores (size,) if margins decide."""
        classes = query.unlabeled.log_probs.shape[1]
        few = len(query.pool.labeled) < self.labels_per_class * classes
        return (self.typical if few else Margin()).choose(query)
