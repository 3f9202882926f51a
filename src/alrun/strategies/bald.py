"""BALD: examples whose class MC-dropout passes disagree on.

A pass with other dropout masks is another member of a committee drawn from the posterior (Gal and Ghahramani 2016).
"""

import math
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.uncertainty import entropy


class Disagreement(ScoreStrategy):
    """Scores by the disagreement of ``dropout_samples`` MC-dropout passes."""

    def __init__(self, dropout_samples: Annotated[int, Ge(2)] = 10) -> None:
        self.needs = Needs(dropout_samples=dropout_samples)


class Bald(Disagreement):
    """Mutual information of the prediction and the weights, H(mean p) - mean H(p): epistemic uncertainty.

    Source: Houlsby et al. 2011; Gal et al. 2017.
    """

    each_alone = True

    def score(self, query: Query) -> Tensor:
        """Mutual information (n,), in nats, from 0 to log C."""
        passes = query.unlabeled.dropout_log_probs
        mean = passes.logsumexp(0) - math.log(len(passes))
        return (entropy(mean) - entropy(passes).mean(0)).clamp_min(0)  # only round-off makes it negative
