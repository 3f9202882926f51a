"""Strategies that score each example by how much the passes of MC dropout disagree.

A pass with other dropout masks is another member of a committee drawn from the posterior (Gal and Ghahramani 2016).
"""

import math
from typing import Annotated

from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F

from alrun.strategies.base import Needs, Outputs, ScoreStrategy
from alrun.strategies.uncertainty import entropy


class Disagreement(ScoreStrategy):
    """Scores from ``dropout_samples`` passes."""

    def __init__(self, dropout_samples: Annotated[int, Ge(2)] = 10) -> None:
        self.needs = Needs(dropout_samples=dropout_samples)


class Bald(Disagreement):
    """Mutual information of the prediction and the weights, H(mean p) - mean H(p): epistemic uncertainty.

    Source: Houlsby et al. 2011; Gal et al. 2017.
    """

    def score(self, unlabeled: Outputs) -> Tensor:
        """In nats, from 0 to log C."""
        passes = unlabeled.dropout_log_probs
        mean = passes.logsumexp(0) - math.log(len(passes))
        return (entropy(mean) - entropy(passes).mean(0)).clamp_min(0)  # it is not negative but for round-off


class VariationRatio(Disagreement):
    """Share of passes that do not predict the most frequent class.

    Source: Freeman 1965, as in Gal et al. 2017.
    """

    def score(self, unlabeled: Outputs) -> Tensor:
        """From 0 to 1 - 1 / C."""
        passes = unlabeled.dropout_log_probs
        votes = F.one_hot(passes.argmax(-1), passes.shape[-1]).float().mean(0)
        return 1 - votes.amax(1)


class VoteEntropy(Disagreement):
    """Entropy of the classes that the passes vote for: query by committee.

    Source: Dagan and Engelson 1995; Settles 2009, Section 3.2.
    """

    def score(self, unlabeled: Outputs) -> Tensor:
        """In nats."""
        passes = unlabeled.dropout_log_probs
        votes = F.one_hot(passes.argmax(-1), passes.shape[-1]).float().mean(0)
        return entropy(votes.log())
