"""DropQuery: examples whose class changes when features are dropped, spread over the pool."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from alrun.selection.fill import fill_uniformly
from alrun.selection.nearby_kmeans import nearby_kmeans, nearby_representatives
from alrun.selection.similarity import split_range
from alrun.strategies.base import Needs, Query, Strategy
from alrun.strategies.nearby import Nearby, nearby_in

PART = 2**17  # examples whose features are dropped together; each part has its own draw
CANDIDATES = 25  # times the budget: candidates that the threshold should leave


class DropQuery(Strategy):
    """Drops features of the embedding ``mask_samples`` times; clusters the examples whose class mostly changes.

    Candidates change their class in more than half of the samples. While these are fewer than 25 times as many examples
    as asked for, one change less suffices, down to one; any that are then missing are drawn uniformly. The clusters are
    those of embeddings at length 1. The network itself needs no dropout.

    Source: Gupte et al., Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024, Section 4, as in
    the authors' code (query_strategies/dropout.py), followed to the letter, except that a center's example is the
    nearest of all candidates, not of its cluster, and k-means tries several points for each first center. The paper's
    text has no lower threshold. ``nearby`` says how many centers a candidate is compared with: ``all``, its so many
    nearest, found approximately, or ``auto``: all with up to 100,000 candidates, 64 with more.
    """

    needs = Needs(embedding=True, log_probs=True)

    def __init__(
        self,
        mask_samples: Annotated[int, Ge(1)] = 3,
        rate: Annotated[float, Gt(0), Lt(1)] = 0.75,
        nearby: Nearby = "auto",
    ) -> None:
        self.mask_samples = mask_samples
        self.rate = rate
        self.nearby: Nearby = nearby

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: the examples nearest to the centers of ``query.size`` clusters of candidates."""
        embedding, predicted = query.unlabeled.collected(lambda part: (part.embedding, part.log_probs.argmax(1)))
        changes = torch.zeros(len(embedding), dtype=torch.int64, device=embedding.device)
        with torch.no_grad():
            for _ in range(self.mask_samples):
                for part in split_range(len(embedding), PART):
                    dropped = F.dropout(embedding[part], self.rate, training=True)
                    changes[part] += query.model.head(dropped).argmax(1) != predicted[part]
        candidates = (changes > change_threshold(changes, self.mask_samples, query.size)).nonzero().flatten()
        if len(candidates) <= query.size:
            return fill_uniformly(candidates, len(changes), query.size, query.rng)
        embedding = embedding[candidates]
        F.normalize(embedding, out=embedding)
        nearby = nearby_in(self.nearby, len(candidates))
        clusters = nearby_kmeans(embedding, query.size, query.rng, nearby)
        return candidates[nearby_representatives(embedding, clusters, nearby)]

    def kept(self) -> Needs:
        """Embeddings: of log-probabilities, the predicted class is enough."""
        return Needs(embedding=True)


def change_threshold(changes: Tensor, samples: int, size: int) -> int:
    """The number that the ``changes`` (n,) of a candidate must exceed, out of ``samples``."""
    least = samples // 2
    while least and (changes > least).sum() < CANDIDATES * size:
        least -= 1
    return least
