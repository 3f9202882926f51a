"""BEMPS: examples whose label is expected to change the predictions elsewhere most."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor

from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies.base import Needs, Query, Strategy, highest

Score = Literal["mse", "log"]
BLOCK = {"cpu": 2**22, "cuda": 2**27}  # floats in a block of updated predictions


class Bemps(Strategy):
    """Expected change of a proper score over a random part of the pool, clustered by k-means.

    The MC-dropout passes are the ensemble; a label reweights them by Bayes' rule. The vectors that are clustered are
    the changes at the evaluated examples, at length 1.

    Args:
        dropout_samples: Passes.
        score: ``mse`` (CoreMSE) or ``log`` (CoreLog).
        evaluated: Examples of the pool on which the change is measured.
        candidate_share: Share of the pool, by expected change, that is clustered.

    Source: Tan, Du and Buntine, Diversity Enhanced Active Learning with Strictly Proper Scoring Rules, NeurIPS 2021,
    Equations 5 and 6, Algorithm 3. The score is the paper's to the letter, its vectors are brought to length 1 as in
    the authors' code (queryStrategy.py). That code adds the ensemble's spread at each evaluated example, the same for
    all candidates, which changes no ranking but their directions; its CoreLog sums over the ensemble's members instead
    of the expectation; it evaluates a share of the pool, trains an ensemble, tries k-means ten times, and draws
    at random for a center whose example is taken, where this takes the next nearest.
    """

    def __init__(
        self,
        dropout_samples: Annotated[int, Ge(2)] = 10,
        score: Score = "mse",
        evaluated: Annotated[int, Ge(1)] = 100,
        candidate_share: Annotated[float, Gt(0), Le(1)] = 0.5,
    ) -> None:
        self.needs = Needs(dropout_samples=dropout_samples)
        self.score: Score = score
        self.evaluated = evaluated
        self.candidate_share = candidate_share

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64: the examples nearest to the centers of the clusters."""
        probs = query.unlabeled.dropout_log_probs.exp()
        n = probs.shape[1]
        where = torch.randperm(n, generator=query.rng)[: self.evaluated].to(probs.device)
        change = expected_change(probs, probs[:, where], self.score)
        candidates = highest(change.sum(1), max(query.size, round(self.candidate_share * n)))
        changes = F.normalize(change[candidates])
        centers = kmeans(changes, query.size, query.rng).centers
        return candidates[representatives(changes, centers)]


def expected_change(probs: Tensor, evaluated: Tensor, score: Score) -> Tensor:
    """Expected change of the predictions at each evaluated example once an example's label is known: (n, m).

    Args:
        probs: Of the ensemble for the pool (T, n, C).
        evaluated: Of the ensemble where the change is measured (T, m, C).
        score: Of the change: squared differences, or the Kullback-Leibler divergence from the old prediction.
    """
    classes, m = probs.shape[2], evaluated.shape[1]
    old = evaluated.mean(0)  # (m, C)
    rows = max(1, BLOCK[probs.device.type] // (classes * m * classes))
    tiny = torch.finfo(probs.dtype).tiny
    expected = probs.new_empty(probs.shape[1], m)
    for block, result in zip(probs.split(rows, dim=1), expected.split(rows), strict=True):
        label = block.permute(1, 2, 0)  # (B, C, T): of each label, by each pass
        weight = label / label.sum(2, keepdim=True).clamp_min(tiny)
        new = (weight.flatten(0, 1) @ evaluated.flatten(1)).view(-1, classes, m, classes)
        if score == "mse":
            change = (new - old).square().sum(3)
        else:
            change = (new * (new.clamp_min(tiny).log() - old.clamp_min(tiny).log())).sum(3)
        result.copy_(torch.einsum("bc,bcm->bm", label.mean(2), change))
    return expected
