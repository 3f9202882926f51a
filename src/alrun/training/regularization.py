"""The penalty of logistic regression, selected by cross-validation on the labeled set only."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alrun.training import logistic

CHOICES = tuple(10.0**power for power in range(-4, 5))  # of C, the strongest penalty first
FOLDS = 5
ENOUGH = 1e-6  # of the objective: the losses are compared, not the weights


def select_penalty(features: Tensor, labels: Tensor, classes: int, weights: Tensor | None = None) -> float:
    """The C of ``CHOICES`` with the least cross-entropy on the parts of the labeled set, each held out in turn.

    ``weights`` (n,) are factors of the losses, in fits and in what is compared; None: all are 1.

    The examples of a class go to the parts in turn. If several C are equal, the strongest penalty is selected.
    """
    fold = assign_folds(labels)
    losses = torch.zeros(len(CHOICES), dtype=torch.float64)
    for number in fold.unique():
        train, held_out = fold != number, fold == number
        if not train.any():
            continue
        start, some = None, None if weights is None else weights[train]
        for position, C in enumerate(CHOICES):
            found = logistic.fit(features[train], labels[train], classes, C, some, start, ENOUGH)
            start = found.weight, found.bias
            logits = found.logits(features[held_out])
            if weights is None:
                loss = cross_entropy(logits, labels[held_out], reduction="sum")
            else:
                loss = weights[held_out] @ cross_entropy(logits, labels[held_out], reduction="none")
            losses[position] += float(loss)
    return CHOICES[int(losses.argmin())]


def assign_folds(labels: Tensor) -> Tensor:
    """The part (n,) of each example, 0 to ``FOLDS`` - 1; every class is spread evenly over the parts."""
    order = labels.argsort(stable=True)
    _, counts = labels.unique(return_counts=True)
    first = (counts.cumsum(0) - counts).repeat_interleave(counts)
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels), device=labels.device) - first
    return rank % FOLDS
