"""Information density: uncertain examples that are like many others."""

import torch.nn.functional as F
from torch import Tensor

from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.uncertainty import entropy
from alrun.system.errors import at_least


class Density(ScoreStrategy):
    """Entropy times the mean cosine similarity to the pool, to the power of ``beta``.

    Source: Settles and Craven, An Analysis of Active Learning Strategies for Sequence Labeling Tasks, EMNLP 2008,
    Equation 14.
    """

    needs = Needs(log_probs=True, embedding=True)

    def __init__(self, beta: float = 1.0) -> None:
        at_least("strategy.beta", beta, 0)
        self.beta = beta

    def score(self, query: Query) -> Tensor:
        """0 and more; similarities count from 0 to 1, (1 + cos) / 2, so that they stay so."""
        direction = F.normalize(query.unlabeled.embedding)
        similarity = (1 + direction @ direction.mean(0)) / 2
        return entropy(query.unlabeled.log_probs).clamp_min(0) * similarity.clamp_min(0) ** self.beta
