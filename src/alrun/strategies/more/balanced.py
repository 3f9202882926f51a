"""Any strategy, with classes balanced by their predicted probabilities."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from alrun.strategies.base import Query, ScoreStrategy, Strategy

Floats = NDArray[np.float64]


class Balanced(Strategy):
    """Trades what ``inner`` prefers against equal numbers of labels in all classes.

    Each pick has the highest value minus ``trade_off`` times the distance |s - q|, summed over the classes: s is the
    labels that a class lacks of its equal share of all labels after the query, 0 if it lacks none, and q the sum of its
    predicted probabilities among the picks so far and this one. A full class repels, one that lacks labels attracts.

    The value is the score of ``inner``, if it ranks the pool by one. Else it is the place in the order in which
    ``inner`` chooses ``candidate_factor`` times as many examples, from 0 for the first to -1 for the last.

    Source: Bengar et al., Class-Balanced Active Learning for Image Classification, WACV 2022, in the authors' code
    (entropy_sampling.py, kcenter_greedy.py): the same shares, distance and default (0.6 for entropy on 10 classes; 2 on
    100). They solve entropy's choice as a binary program and k-center's greedily; this is greedy for all, with an
    order instead of scores where a strategy has none.
    """

    def __init__(
        self,
        inner: Strategy,
        trade_off: Annotated[float, Ge(0)] = 0.6,
        candidate_factor: Annotated[float, Ge(1)] = 10.0,
    ) -> None:
        self.inner = inner
        self.trade_off = trade_off
        self.candidate_factor = candidate_factor
        self.needs = replace(inner.needs, log_probs=True)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their scores by ``inner`` if it ranks the pool by one."""
        among, values, scores = self.candidates(query)
        probs = query.unlabeled.log_probs[among.to(query.unlabeled.log_probs.device)].exp().cpu().numpy()
        lacking = shortfall(query.labels.cpu().numpy(), query.size, probs.shape[1])
        picked = torch.from_numpy(balance(values, probs, lacking, self.trade_off, query.size))
        return among[picked], None if scores is None else scores[picked.to(scores.device)]

    def candidates(self, query: Query) -> tuple[Tensor, Floats, Tensor | None]:
        """Positions to choose from (k,), on the CPU, their values (k,), and their scores (k,) if there are any."""
        count = len(query.unlabeled)
        if isinstance(self.inner, ScoreStrategy) and type(self.inner).select is ScoreStrategy.select:
            scores = self.inner.checked_scores(query)
            return torch.arange(count), scores.double().cpu().numpy(), scores
        wide = max(query.size, int(min(count, self.candidate_factor * query.size)))
        among = self.inner.select(replace(query, size=wide)).cpu()
        return among, -np.arange(wide) / max(1, wide - 1), None


def shortfall(labels: NDArray[np.int64], size: int, classes: int) -> Floats:
    """The labels that each class lacks of its equal share after ``size`` more than ``labels`` (m,): (classes,)."""
    share = (len(labels) + size) // classes
    return np.maximum(share - np.bincount(labels, minlength=classes), 0).astype(np.float64)


def balance(values: Floats, probs: NDArray, lacking: Floats, trade_off: float, size: int) -> NDArray[np.int64]:
    """Positions (size,) of greedy picks by ``values`` (n,) minus ``trade_off`` times the distance of all classes.

    A class whose open share is 1 or more is nearer with each pick by its probability, one without open share farther:
    these terms are linear, and change only when a class comes to its end. In between it is computed for every pick.
    """
    lacking, free = lacking.copy(), np.ones(len(values), dtype=bool)
    chosen = np.empty(size, dtype=np.int64)
    before, linear = None, values
    for step in range(size):
        slope = np.where(lacking >= 1, -1.0, np.where(lacking <= 0, 1.0, 0.0))
        if before is None or (slope != before).any():
            before, linear = slope, values - trade_off * (probs @ slope)
        ending = np.flatnonzero(slope == 0)
        gain = linear - trade_off * np.abs(lacking[ending] - probs[:, ending]).sum(1) if len(ending) else linear
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen[step], free[best] = best, False
        lacking -= probs[best]
    return chosen
