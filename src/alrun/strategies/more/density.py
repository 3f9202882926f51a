"""Information density: uncertain examples that resemble many others."""

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.uncertainty import entropy


class Density(ScoreStrategy):
    """Entropy times the mean cosine similarity to the pool, to the power of ``beta``.

    Source: Settles and Craven, An Analysis of Active Learning Strategies for Sequence Labeling Tasks, EMNLP 2008,
    Equation 14.
    """

    needs = Needs(log_probs=True, embedding=True)

    def __init__(self, beta: Annotated[float, Ge(0)] = 1.0) -> None:
        self.beta = beta

    def score(self, query: Query) -> Tensor:
        """Scores (n,), 0 or more: similarities are (1 + cos) / 2, from 0 to 1."""
        direction = F.normalize(query.unlabeled.embedding)
        similarity = (1 + direction @ direction.mean(0)) / 2
        return entropy(query.unlabeled.log_probs).clamp_min(0) * similarity.clamp_min(0) ** self.beta
