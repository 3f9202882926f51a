"""Any score, sampled instead of sorted."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.strategies.base import Query, ScoreStrategy, Strategy, highest
from alrun.system.errors import UserError

ROUND_OFF = 1e-5  # a divergence of two float32 distributions that are the same comes out at -1e-6 or so
TINY = 1e-300  # a score of 0 comes after all others, and at random among its like


class Power(Strategy):
    """Draws without replacement, by odds of score^β (``power``), exp(β score) (``softmax``) or rank^-β (``softrank``).

    The highest scores of a batch resemble one another; drawing costs nothing and spreads them.

    Source: Kirsch et al., Stochastic Batch Acquisition, TMLR 2023, Table 1 (Gumbel top-k).
    """

    def __init__(
        self,
        inner: Strategy,
        beta: Annotated[float, Ge(0)] = 1.0,
        kind: Literal["power", "softmax", "softrank"] = "power",
    ) -> None:
        if not isinstance(inner, ScoreStrategy):
            raise UserError(
                f"strategy.inner: {type(inner).__name__} gives no score to draw by; take one that does, "
                "such as strategy@strategy.inner=entropy, margin or bald."
            )
        self.inner = inner
        self.beta = beta
        self.kind = kind
        self.needs = inner.needs

    def select(self, query: Query) -> Tensor:
        """The highest of β log odds + Gumbel noise."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor]:
        """``select``, and the scores that ``inner`` gives the picks."""
        scores = self.inner.checked_scores(query).double().cpu()
        noise = -torch.empty_like(scores).exponential_(generator=query.rng).log()
        positions = highest(self.log_odds(scores) + noise, query.size)
        return positions, scores[positions]

    def log_odds(self, scores: Tensor) -> Tensor:
        """Logarithm of what each example is drawn in proportion to."""
        if self.kind == "softmax":
            return self.beta * scores.clamp_min(torch.finfo(scores.dtype).min)  # 0 * -inf would be NaN
        if self.kind == "softrank":
            ranks = torch.empty_like(scores)
            ranks[scores.argsort(descending=True, stable=True)] = torch.arange(1, len(scores) + 1, dtype=scores.dtype)
            return -self.beta * ranks.log()
        if (scores < -ROUND_OFF).any():
            raise UserError(
                f"strategy.kind=power needs scores of 0 and more, {type(self.inner).__name__} gives "
                f"{scores.min():.3g}: use strategy.kind=softrank or softmax."
            )
        return self.beta * scores.clamp_min(TINY).log()
