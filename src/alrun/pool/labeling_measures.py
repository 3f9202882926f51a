"""What the labels are worth that a pool's queries cost: counted with the true labels, which training never sees."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alrun.data.dataset import STRANGER


@dataclass(frozen=True)
class LabelingMeasures:
    """Of a round, before its training."""

    purity: float  # share of the round's query that belongs to a class
    strangers: int  # examples queried so far that belong to no class
    wrong_labels: float  # share of the labeled set whose label is not the true one; NaN if it is empty


def measure_labeling(
    query: Tensor, labeled: Tensor, strangers: Tensor, labels: Tensor, truth: Tensor
) -> LabelingMeasures:
    """The measures of a round.

    Args:
        query: Indices that were queried before the round (k,), those of the seed set in round 0.
        labeled: Indices with a label of a class (m,).
        strangers: Indices that were answered to belong to no class (s,).
        labels: What the annotator answers (N,).
        truth: True labels (N,), STRANGER where there is none.
    """
    queried, labeled = torch.cat([labeled, strangers]).to(truth.device), labeled.to(truth.device)
    return LabelingMeasures(
        purity=float((truth[query.to(truth.device)] != STRANGER).double().mean()),
        strangers=int((truth[queried] == STRANGER).sum()),
        wrong_labels=float((labels[labeled] != truth[labeled]).double().mean()),
    )
