"""Strategies that score each example by the votes of a committee, the MC-dropout passes."""

from torch import Tensor
from torch.nn import functional as F

from alrun.strategies.bald import Disagreement
from alrun.strategies.base import Query
from alrun.strategies.uncertainty import entropy


class VariationRatio(Disagreement):
    """Share of passes that do not predict the most frequent class.

    Source: Freeman 1965, as in Gal et al. 2017.
    """

    each_alone = True

    def score(self, query: Query) -> Tensor:
        """Share of dissenting passes (n,), from 0 to 1 - 1 / C."""
        passes = query.unlabeled.dropout_log_probs
        votes = F.one_hot(passes.argmax(-1), passes.shape[-1]).float().mean(0)
        return 1 - votes.amax(1)


class VoteEntropy(Disagreement):
    """Entropy of the classes that the passes vote for: query by committee.

    Source: Dagan and Engelson 1995; Settles 2009, Section 3.2.
    """

    each_alone = True

    def score(self, query: Query) -> Tensor:
        """Entropy of the votes (n,), in nats."""
        passes = query.unlabeled.dropout_log_probs
        votes = F.one_hot(passes.argmax(-1), passes.shape[-1]).float().mean(0)
        return entropy(votes.log())
