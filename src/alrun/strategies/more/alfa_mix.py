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

ROWS = 1024  # examples whose mixtures are looked at together: they fit the cache


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
        least = flip_strengths(query)
        flipped = torch.zeros_like(least, dtype=torch.bool)
        for times in range(1, math.ceil(1 / self.strength) + 1):
            flipped = least < times * self.strength
            if flipped.sum() > query.size:
                break
        return flipped


def flip_strengths(query: Query) -> Tensor:
    """The strength above which mixing with some class changes the prediction: (n,), infinite where none does.

    The logits of a mixture are linear in the strength, so one pass over the embeddings serves all strengths.
    """
    embedding, log_probs = query.unlabeled.embedding, query.unlabeled.log_probs
    with torch.no_grad():
        weight = query.model.head.weight.to(embedding.dtype)
        anchors = class_anchors(query)
        parts = zip(embedding.split(ROWS), log_probs.split(ROWS), strict=True)
        return torch.cat([flip_strengths_of(*part, weight, anchors) for part in parts])


def flip_strengths_of(embedding: Tensor, log_probs: Tensor, weight: Tensor, anchors: list[Tensor]) -> Tensor:
    """``flip_strengths`` of some examples (k, H), given the last layer's ``weight`` (C, H): (k,)."""
    predicted = log_probs.argmax(1, keepdim=True)
    behind = log_probs.gather(1, predicted) - log_probs  # of each class, (k, C)
    residual = log_probs.exp().scatter_add(1, predicted, log_probs.new_full(predicted.shape, -1.0))
    uphill = F.normalize(residual @ weight)  # the loss's gradient by the embedding
    slopes = uphill @ weight.T
    least = embedding.new_full((len(embedding),), torch.inf)
    for anchor in anchors:
        way = anchor - embedding
        still = way == 0
        columns = still.any(0).nonzero().flatten()
        moving = slopes
        if len(columns):
            moving = slopes - (uphill[:, columns] * still[:, columns]) @ weight[:, columns].T
        gain = moving - moving.gather(1, predicted)  # on the predicted class, for each unit of the way
        reach = (behind / gain).masked_fill(gain <= 0, torch.inf).amin(1)
        distance = way.norm(dim=1)
        least = torch.where(distance > 0, torch.minimum(least, reach / distance), least)
    return least * embedding.shape[1] ** 0.5


def class_anchors(query: Query) -> list[Tensor]:
    """Mean embedding of the labeled examples of each class, (H,) each, and of all if a class has none."""
    embedding, labels = query.labeled.embedding, query.labels
    if not len(labels):
        return []
    known = labels.unique()
    means = [embedding[labels == label].mean(0) for label in known]
    every = [embedding.mean(0)] if len(known) < query.unlabeled.log_probs.shape[1] else []
    return means + every
