"""Strategies that score each example by how unsure the model is of its class.

All three work on log-probabilities, in which nothing underflows to 0 * log(0). With ``dropout_samples`` above 0 the
probabilities are the average over that many MC-dropout passes (Gal and Ghahramani 2016).

Source: Section 3 of the paper; Settles 2009, Section 3.1.
"""

import math
from abc import abstractmethod
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, ScoreStrategy

PART = 2**13  # rows of log-probabilities that are copied at a time


def entropy(log_probs: Tensor) -> Tensor:
    """- Σ p log p over the last axis, in nats; a probability that underflows adds nothing."""
    finite = log_probs.clamp_min(torch.finfo(log_probs.dtype).min)  # 0 * -inf would be NaN
    return -torch.einsum("...c,...c->...", log_probs.exp(), finite)  # no third (n, C) tensor


def least_confidence(log_probs: Tensor) -> Tensor:
    """1 - max p over the last axis, from the log-probability: finer near certainty."""
    return -log_probs.amax(-1).expm1()


def margin(log_probs: Tensor) -> Tensor:
    """1 - the gap between the two highest probabilities of each row: (n,). From logarithms: finer near certainty."""
    return torch.cat([part_margin(part) for part in log_probs.split(PART)])  # a large pool is not copied as a whole


def part_margin(log_probs: Tensor) -> Tensor:
    """``margin`` of some rows."""
    first = log_probs.max(1, keepdim=True)
    second = log_probs.scatter(1, first.indices, -torch.inf).amax(1)  # several times as fast as topk(2)
    return second.exp() - first.values[:, 0].expm1()


class UncertaintyStrategy(ScoreStrategy):
    """Scores from class probabilities, of one pass or averaged over MC-dropout passes."""

    each_alone = True

    def __init__(self, dropout_samples: Annotated[int, Ge(0)] = 0) -> None:
        self.needs = Needs(log_probs=not dropout_samples, dropout_samples=dropout_samples)

    def score(self, query: Query) -> Tensor:
        """The uncertainty of each example: (n,)."""
        if not self.needs.dropout_samples:
            return torch.cat([self.uncertainty(part.log_probs) for part in query.unlabeled.parts()])
        passes = query.unlabeled.dropout_log_probs
        return self.uncertainty(passes.logsumexp(0) - math.log(len(passes)))

    def held(self, count: int, size: int) -> int:
        """None, but all of passes that disagree, whose dropout masks are drawn from chunk to chunk."""
        return count if self.needs.dropout_samples else 0

    @abstractmethod
    def uncertainty(self, log_probs: Tensor) -> Tensor:
        """The uncertainty of each row of log-probabilities (n, C): (n,)."""


class Entropy(UncertaintyStrategy):
    """- Σ p log p, in nats from 0 to log C."""

    def uncertainty(self, log_probs: Tensor) -> Tensor:
        """Entropy of each row, in nats: (n,)."""
        return entropy(log_probs)


class LeastConfidence(UncertaintyStrategy):
    """Smallest probability of the predicted class."""

    def uncertainty(self, log_probs: Tensor) -> Tensor:
        """1 - the largest probability of each row: (n,)."""
        return least_confidence(log_probs)


class Margin(UncertaintyStrategy):
    """Smallest gap between the probabilities of the two most probable classes."""

    def uncertainty(self, log_probs: Tensor) -> Tensor:
        """1 - the gap between the two largest probabilities of each row: (n,)."""
        return margin(log_probs)
