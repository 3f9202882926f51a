"""ALFA-Mix: examples whose class changes when a little of the labeled embeddings is mixed in."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.errors import at_least
from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies.base import Needs, Query, Strategy


class AlfaMix(Strategy):
    """Clusters the examples whose prediction flips between their embedding and that of a class.

    The mixture is moved the way in which the loss at the predicted class rises fastest, by ``strength`` / sqrt(H) of
    the distance to the mean embedding of each labeled class (the paper's closed form). Where fewer examples than
    asked for flip, the rest is drawn uniformly.

    Source: Parvaneh et al., Active Learning by Feature Mixing, CVPR 2022, Equation 5 and Algorithm 1.
    """

    needs = Needs(log_probs=True, embedding=True, labeled=True)

    def __init__(self, strength: float = 0.2) -> None:
        at_least("strategy.strength", strength, 0)
        self.strength = strength

    def select(self, query: Query) -> Tensor:
        """The examples nearest to the centres of ``query.size`` clusters of candidates."""
        candidates = self.flips(query).nonzero().flatten()
        if len(candidates) <= query.size:
            return filled(candidates, len(query.unlabeled), query)
        embedding = query.unlabeled.embedding[candidates]
        return candidates[representatives(embedding, kmeans(embedding, query.size, query.rng).centres)]

    def flips(self, query: Query) -> Tensor:
        """Whether mixing with any labeled class changes the prediction: (n,)."""
        embedding, log_probs = query.unlabeled.embedding, query.unlabeled.log_probs
        head, labels = query.model.head, query.labels
        predicted = log_probs.argmax(1)
        with torch.no_grad():
            residual = log_probs.exp() - F.one_hot(predicted, log_probs.shape[1])
            uphill = F.normalize(residual @ head.weight)  # the loss's gradient by the embedding
            flipped = torch.zeros_like(predicted, dtype=torch.bool)
            for label in labels.unique():
                anchor = query.labeled.embedding[labels == label].mean(0)
                step = self.strength / embedding.shape[1] ** 0.5 * (anchor - embedding).norm(dim=1, keepdim=True)
                flipped |= head(embedding + step * uphill).argmax(1) != predicted
        return flipped


def filled(candidates: Tensor, count: int, query: Query) -> Tensor:
    """``candidates`` and as many others of ``count`` as are lacking, at random."""
    free = torch.ones(count, dtype=torch.bool)
    free[candidates.cpu()] = False
    left = free.nonzero().flatten()
    others = left[torch.randperm(len(left), generator=query.rng)[: query.size - len(candidates)]]
    return torch.cat([candidates, others.to(candidates.device)])
