"""Any score, sampled instead of sorted."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.settings.option_names import named
from alrun.strategies.base import Query, ScoreStrategy, Strategy, highest
from alrun.system.errors import SettingError

ROUND_OFF = 1e-5  # the divergence of two equal float32 distributions can be about -1e-6
TINY = 1e-300  # scores of 0 come after all others, in random order


class Power(Strategy):
    """Draws without replacement, by odds of score^β (``power``), exp(β score) (``softmax``) or rank^-β (``softrank``).

    The examples with the highest scores resemble one another; drawing costs nothing and spreads them.

    Source: Kirsch et al., Stochastic Batch Acquisition, TMLR 2023, Table 1 (Gumbel top-k).
    """

    def __init__(
        self,
        inner: Strategy,
        beta: Annotated[float, Ge(0)] = 1.0,
        kind: Literal["power", "softmax", "softrank"] = "power",
    ) -> None:
        if not isinstance(inner, ScoreStrategy):
            raise SettingError(
                f"{named(inner, 'strategy.inner', 'strategy')} does not score examples; take one that does, "
                "such as strategy@strategy.inner=entropy, margin or bald."
            )
        self.inner = inner
        self.beta = beta
        self.kind = kind
        self.needs = inner.needs
        self.each_alone = inner.each_alone

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64 of the highest log odds plus Gumbel noise."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor]:
        """The positions of ``select``, and their scores (size,) by ``inner``."""
        scores = self.inner.checked_scores(query).double().cpu()
        noise = -torch.empty_like(scores).exponential_(generator=query.rng).log()
        positions = highest(self.log_odds(scores) + noise, query.size)
        return positions, scores[positions]

    def held(self, count: int, size: int) -> int:
        """As many as for the scores."""
        return self.inner.held(count, size)

    def log_odds(self, scores: Tensor) -> Tensor:
        """Logarithm of the odds of each example, up to a constant: (n,)."""
        if self.kind == "softmax":
            return self.beta * scores.clamp_min(torch.finfo(scores.dtype).min)  # 0 * -inf would be NaN
        if self.kind == "softrank":
            ranks = torch.empty_like(scores)
            ranks[scores.argsort(descending=True, stable=True)] = torch.arange(1, len(scores) + 1, dtype=scores.dtype)
            return -self.beta * ranks.log()
        if (scores < -ROUND_OFF).any():
            raise SettingError(
                f"strategy.kind=power needs scores of 0 and more, {named(self.inner, 'strategy.inner', 'strategy')} "
                f"gives {scores.min():.3g}: use strategy.kind=softrank or softmax."
            )
        return self.beta * scores.clamp_min(TINY).log()
