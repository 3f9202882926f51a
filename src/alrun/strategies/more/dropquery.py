"""DropQuery: examples whose class changes when features are dropped, spread over the pool."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from alrun.selection.fill import fill_uniformly
from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies.base import Needs, Query, Strategy

CANDIDATES = 25  # times the budget: candidates that the threshold should leave


class DropQuery(Strategy):
    """Drops features of the embedding ``mask_samples`` times; clusters the examples whose class mostly changes.

    Candidates change their class in more than half of the samples. While these are fewer than 25 times as many examples
    as asked for, one change less suffices, down to one; any that are then missing are drawn uniformly. The clusters are
    those of embeddings at length 1. The network itself needs no dropout.

    Source: Gupte et al., Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024, Section 4, as in
    the authors' code (query_strategies/dropout.py), followed to the letter, except that a center's example is the
    nearest of all candidates, not of its cluster, and k-means tries several points for each first center. The paper's
    text has no lower threshold.
    """

    needs = Needs(embedding=True, log_probs=True)

    def __init__(self, mask_samples: Annotated[int, Ge(1)] = 3, rate: Annotated[float, Gt(0), Lt(1)] = 0.75) -> None:
        self.mask_samples = mask_samples
        self.rate = rate

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: the examples nearest to the centers of ``query.size`` clusters of candidates."""
        embedding = query.unlabeled.embedding
        changes = torch.zeros(len(embedding), dtype=torch.int64, device=embedding.device)
        predicted = query.unlabeled.log_probs.argmax(1)
        with torch.no_grad():
            for _ in range(self.mask_samples):
                dropped = F.dropout(embedding, self.rate, training=True)
                changes += query.model.head(dropped).argmax(1) != predicted
        candidates = (changes > change_threshold(changes, self.mask_samples, query.size)).nonzero().flatten()
        if len(candidates) <= query.size:
            return fill_uniformly(candidates, len(changes), query.size, query.rng)
        embedding = F.normalize(embedding[candidates])
        return candidates[representatives(embedding, kmeans(embedding, query.size, query.rng).centers)]


def change_threshold(changes: Tensor, samples: int, size: int) -> int:
    """The number that the ``changes`` (n,) of a candidate must exceed, out of ``samples``."""
    least = samples // 2
    while least and (changes > least).sum() < CANDIDATES * size:
        least -= 1
    return least
