"""BatchBALD: examples whose labels together say most about the weights."""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from alrun.selection.joint_entropy import batch_bald
from alrun.strategies.base import Needs, Query, Strategy


class BatchBald(Strategy):
    """Greedy joint mutual information of labels and weights, over MC dropout.

    Source: Kirsch et al., BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active Learning,
    NeurIPS 2019.
    """

    def __init__(
        self,
        dropout_samples: Annotated[int, Ge(2)] = 10,
        exact_configurations: Annotated[int, Ge(1)] = 1000,
        sampled_configurations: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        self.needs = Needs(dropout_samples=dropout_samples)
        self.exact_configurations = exact_configurations
        self.sampled_configurations = sampled_configurations

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, one after the other; the time grows with size x pool x configurations."""
        passes = query.unlabeled.dropout_log_probs
        return batch_bald(passes, query.size, query.rng, self.exact_configurations, self.sampled_configurations)
