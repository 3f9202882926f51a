"""Falcun: uncertain examples with different predictions."""

import torch
from torch import Tensor

from alrun.errors import at_least
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.uncertainty import Margin


class Falcun(Strategy):
    """Draws in proportion to (uncertainty + diversity)^γ.

    Uncertainty is 1 - margin. Diversity starts as uncertainty, and is the L1 distance of the probabilities to the
    nearest chosen example from then on, where that is smaller; both are brought to 0 .. 1.

    Source: Gilhuber et al., FALCUN: A Simple and Efficient Deep Active Learning Strategy, ECML PKDD 2024, Section 3.
    """

    needs = Needs(log_probs=True)

    def __init__(self, gamma: float = 10.0) -> None:
        at_least("strategy.gamma", gamma, 0)
        self.gamma = gamma

    def select(self, query: Query) -> Tensor:
        """One after the other; a pass over the probabilities for each."""
        probs = query.unlabeled.probs
        uncertainty = scaled(Margin().score(query.unlabeled))
        distance = uncertainty.clone()
        free = torch.ones(len(probs), dtype=torch.float64)  # on the CPU: a GPU adds up in another order every time
        draws = torch.rand(query.size, generator=query.rng, dtype=torch.float64)
        chosen = []
        for draw in draws:
            relevance = (uncertainty + scaled(distance)).cpu().double() * free
            if relevance.max() == 0:
                relevance = free
            # 1 at the most, however large gamma is.
            cumulative = ((relevance / relevance.max()) ** self.gamma * free).cumsum(0)
            # right=True: a draw of exactly 0 must not fall on an example of no relevance.
            position = torch.searchsorted(cumulative, draw * cumulative[-1], right=True)
            chosen.append(position)
            free[position] = 0
            distance = torch.minimum(distance, (probs - probs[position]).abs().sum(1))
        return torch.stack(chosen)


def scaled(values: Tensor) -> Tensor:
    """Moved and stretched to 0 .. 1; zeros where all are equal."""
    low, high = values.aminmax()
    return (values - low) / (high - low).clamp_min(torch.finfo(values.dtype).tiny)
