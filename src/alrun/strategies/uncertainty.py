"""Strategies that score each example by how unsure the model is of its class.

All three work on log-probabilities, in which nothing underflows to 0 * log(0). With ``dropout_samples`` above 0 the
probabilities are the average over that many MC-dropout passes (Gal and Ghahramani 2016).

Source: Section 3 of the paper; Settles 2009, Section 3.1.
"""

import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Outputs, ScoreStrategy


def entropy(log_probs: Tensor) -> Tensor:
    """- Σ p log p over the last axis, in nats; a probability that underflows adds nothing."""
    finite = log_probs.clamp_min(torch.finfo(log_probs.dtype).min)  # 0 * -inf would be NaN
    return -torch.einsum("...c,...c->...", log_probs.exp(), finite)  # no third (n, C) tensor


class UncertaintyStrategy(ScoreStrategy):
    """Scores from class probabilities, of one pass or averaged over dropout."""

    def __init__(self, dropout_samples: Annotated[int, Ge(0)] = 0) -> None:
        self.needs = Needs(log_probs=not dropout_samples, dropout_samples=dropout_samples)

    def log_probs(self, unlabeled: Outputs) -> Tensor:
        """Log of the (averaged) probabilities: (n, C)."""
        if not self.needs.dropout_samples:
            return unlabeled.log_probs
        return unlabeled.dropout_log_probs.logsumexp(0) - math.log(self.needs.dropout_samples)


class Entropy(UncertaintyStrategy):
    """- Σ p log p."""

    def score(self, unlabeled: Outputs) -> Tensor:
        """In nats, from 0 to log C."""
        return entropy(self.log_probs(unlabeled))


class LeastConfidence(UncertaintyStrategy):
    """Smallest probability of the predicted class."""

    def score(self, unlabeled: Outputs) -> Tensor:
        """1 - max p, from the log-probability: finer near certainty."""
        return -self.log_probs(unlabeled).amax(1).expm1()


class Margin(UncertaintyStrategy):
    """Smallest gap between the probabilities of the two most probable classes."""

    def score(self, unlabeled: Outputs) -> Tensor:
        """1 - gap, from log-probabilities: finer near certainty."""
        log_probs = self.log_probs(unlabeled)
        first = log_probs.max(1, keepdim=True)
        second = log_probs.scatter(1, first.indices, -torch.inf).amax(1)  # several times as fast as topk(2)
        return second.exp() - first.values[:, 0].expm1()
