"""The penalty of logistic regression, selected by cross-validation on the labeled set only."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alrun.training import logistic

CHOICES = tuple(10.0**power for power in range(-4, 5))  # of C, the strongest penalty first
FOLDS = 5
ENOUGH = 1e-4  # of the objective: held-out losses of neighboring C differ by much more
WORSE = 1  # choices of C


def select_penalty(features: Tensor, labels: Tensor, classes: int, weights: Tensor | None = None) -> float:
    """The C of ``CHOICES`` with the least cross-entropy on the parts of the labeled set, each held out in turn.

    ``weights`` (n,) are factors of the losses, in fits and in what is compared; None: all are 1.

    The examples of a class go to the parts in turn. If several C are equal, the strongest penalty is selected. Each fit
    starts from the one before it; weak penalties, whose fits are slow, are left out where the loss only rises.
    """
    features, _ = logistic.rotated(features)
    fold = assign_folds(labels)
    parts = [(fold != number, fold == number) for number in fold.unique()]
    parts = [(train, held_out) for train, held_out in parts if train.any()]
    losses: list[float] = []
    starts: list[tuple[Tensor, Tensor] | None] = [None] * len(parts)
    for C in CHOICES:
        losses.append(0.0)
        for number, (train, held_out) in enumerate(parts):
            some = None if weights is None else weights[train]
            found = logistic.fit(features[train], labels[train], classes, C, some, starts[number], ENOUGH)
            starts[number] = found.weight, found.bias
            logits = found.logits(features[held_out])
            if weights is None:
                losses[-1] += float(cross_entropy(logits, labels[held_out], reduction="sum"))
            else:
                losses[-1] += float(weights[held_out] @ cross_entropy(logits, labels[held_out], reduction="none"))
        if len(losses) - losses.index(min(losses)) > WORSE:
            break
    return CHOICES[losses.index(min(losses))]


def assign_folds(labels: Tensor) -> Tensor:
    """The part (n,) of each example, 0 to ``FOLDS`` - 1; every class is spread evenly over the parts."""
    order = labels.argsort(stable=True)
    _, counts = labels.unique(return_counts=True)
    first = (counts.cumsum(0) - counts).repeat_interleave(counts)
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels), device=labels.device) - first
    return rank % FOLDS
