"""Falcun: uncertain examples with different predictions."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.uncertainty import margin


class Falcun(Strategy):
    """Draws in proportion to (uncertainty + diversity)^γ.

    Uncertainty is 1 - margin. Diversity starts as uncertainty; from then on it is the L1 distance of the probabilities
    to the nearest chosen example, where that is smaller, scaled to 0 .. 1 among the examples that are not chosen. Once
    all remaining examples equal a chosen one, the draws are uniform.

    Source: Gilhuber et al., FALCUN: A Simple and Efficient Deep Active Learning Strategy, ECML PKDD 2024, as in the
    authors' code (falcun.py with custom_dist=distance_unc_norm and γ = 10), followed to the letter; if all distances
    are equal and above 0, where theirs is undefined if nothing is uncertain, uncertainty alone counts.
    """

    needs = Needs(log_probs=True)

    def __init__(self, gamma: Annotated[float, Ge(0)] = 10.0) -> None:
        self.gamma = gamma

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, one after the other, with a pass over the probabilities for each."""
        probs = query.unlabeled.probs
        uncertainty = margin(query.unlabeled.log_probs)
        distance = uncertainty.clone()
        open_ = torch.ones_like(distance, dtype=torch.bool)
        free = torch.ones(len(probs), dtype=torch.float64)  # on the CPU: a GPU adds up in another order every time
        draws = torch.rand(query.size, generator=query.rng, dtype=torch.float64)
        chosen = []
        for draw in draws:
            relevance = relevances(uncertainty, distance, open_).cpu().double() * free
            # At most 1, so that no gamma overflows.
            cumulative = ((relevance / relevance.max()) ** self.gamma * free).cumsum(0)
            # right=True: a draw of exactly 0 must not fall on an example of no relevance.
            position = torch.searchsorted(cumulative, draw * cumulative[-1], right=True)
            chosen.append(position)
            free[position] = 0
            open_[position] = False
            distance = torch.minimum(distance, (probs - probs[position]).abs().sum(1))
        return torch.stack(chosen)


def relevances(uncertainty: Tensor, distance: Tensor, open_: Tensor) -> Tensor:
    """Uncertainty plus the distance, scaled to 0 .. 1 among the ``open_``: (n,); all 1 if every distance is 0."""
    low = distance.masked_fill(~open_, torch.inf).amin()
    high = distance.masked_fill(~open_, -torch.inf).amax()
    stretched = (distance - low).clamp_min(0) / (high - low).clamp_min(torch.finfo(distance.dtype).tiny)
    return torch.where(high > 0, uncertainty + stretched, 1)
