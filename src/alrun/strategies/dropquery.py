"""DropQuery: examples whose class changes when features are dropped, spread over the pool."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.errors import UserError, at_least
from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies.base import Needs, Query, Strategy, highest


class DropQuery(Strategy):
    """Drops features of the embedding ``samples`` times; clusters what is inconsistent in more than half of them.

    The network itself needs no dropout. Where fewer examples than asked for are inconsistent, those that come next
    by their number of changes, in random order, are taken as well.

    Source: Gupte et al., Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024, Section 4.
    """

    needs = Needs(embedding=True, log_probs=True)

    def __init__(self, samples: int = 3, rate: float = 0.75) -> None:
        at_least("strategy.samples", samples, 1)
        if not 0 < rate < 1:
            raise UserError(f"strategy.rate={rate} is no dropout rate: give a value between 0 and 1.")
        self.samples = samples
        self.rate = rate

    def select(self, query: Query) -> Tensor:
        """The examples nearest to the centres of ``query.size`` clusters of candidates."""
        embedding = query.unlabeled.embedding
        changes = torch.zeros(len(embedding), dtype=torch.int64, device=embedding.device)
        predicted = query.unlabeled.log_probs.argmax(1)
        with torch.no_grad():
            for _ in range(self.samples):
                dropped = F.dropout(embedding, self.rate, training=True)
                changes += query.model.head(dropped).argmax(1) != predicted
        candidates = (changes > self.samples / 2).nonzero().flatten()
        if len(candidates) <= query.size:
            order = torch.rand(len(changes), generator=query.rng).to(changes.device)
            return highest(changes + order, query.size)
        embedding = embedding[candidates]
        return candidates[representatives(embedding, kmeans(embedding, query.size, query.rng).centres)]
