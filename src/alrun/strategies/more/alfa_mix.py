"""ALFA-Mix: examples whose class changes when a little of the labeled embeddings is mixed in."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from alrun.selection.fill import fill_uniformly
from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies.base import Needs, Query, Strategy


class AlfaMix(Strategy):
    """Clusters the examples whose prediction flips between their embedding and that of a class.

    The mixture moves in the direction in which the loss at the predicted class rises fastest, by ``strength`` / sqrt(H)
    of the distance to the mean embedding of each class's labeled examples (of all of them, for a class that has none);
    features in which the two are equal do not move, since mixing does not change them. While no more examples flip than
    are asked for, the strength grows by its initial value, up to 1; any that are then missing are drawn uniformly. The
    clusters are those of embeddings at length 1.

    Source: Parvaneh et al., Active Learning by Feature Mixing, CVPR 2022, Equation 5 and Algorithm 1, in the closed
    form of the authors' code (alpha_mix_sampling.py, alpha_closed_form_approx), followed to the letter, except that
    k-means is tried once, not ten times; a center's example is the nearest of all candidates, not of its cluster; and
    missing examples are drawn without repeats.
    """

    needs = Needs(log_probs=True, embedding=True, labeled=True)

    def __init__(self, strength: Annotated[float, Ge(0.01)] = 0.2) -> None:
        self.strength = strength

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: the examples nearest to the centers of ``query.size`` clusters of candidates."""
        candidates = self.candidates(query).nonzero().flatten()
        if len(candidates) <= query.size:
            return fill_uniformly(candidates, len(query.unlabeled), query.size, query.rng)
        embedding = F.normalize(query.unlabeled.embedding[candidates])
        return candidates[representatives(embedding, kmeans(embedding, query.size, query.rng).centers)]

    def candidates(self, query: Query) -> Tensor:
        """Whether each example flips at the first strength at which more than ``query.size`` do, or at 1: (n,) bool."""
        flipped = torch.zeros(len(query.unlabeled), dtype=torch.bool, device=query.unlabeled.embedding.device)
        for times in range(1, math.ceil(1 / self.strength) + 1):
            flipped |= mixing_flips(query, times * self.strength)
            if flipped.sum() > query.size:
                break
        return flipped


def mixing_flips(query: Query, strength: float) -> Tensor:
    """Whether mixing with any class changes the prediction: (n,) bool."""
    embedding, log_probs = query.unlabeled.embedding, query.unlabeled.log_probs
    head, predicted = query.model.head, log_probs.argmax(1)
    with torch.no_grad():
        residual = log_probs.exp() - F.one_hot(predicted, log_probs.shape[1])
        uphill = F.normalize(residual @ head.weight)  # the loss's gradient by the embedding
        flipped = torch.zeros_like(predicted, dtype=torch.bool)
        for anchor in class_anchors(query):
            way = anchor - embedding
            step = strength / embedding.shape[1] ** 0.5 * way.norm(dim=1, keepdim=True)
            moved = torch.where(way == 0, embedding, torch.addcmul(embedding, step, uphill))
            flipped |= head(moved).argmax(1) != predicted
    return flipped


def class_anchors(query: Query) -> list[Tensor]:
    """Mean embedding of the labeled examples of each class, (H,) each, and of all if a class has none."""
    embedding, labels = query.labeled.embedding, query.labels
    if not len(labels):
        return []
    known = labels.unique()
    means = [embedding[labels == label].mean(0) for label in known]
    every = [embedding.mean(0)] if len(known) < query.unlabeled.log_probs.shape[1] else []
    return means + every
