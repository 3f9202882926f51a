"""``training.balance=``: training that gives rare classes of the labeled set as much say as common ones.

A class of the labeled set has ``count`` examples. ``weights`` multiplies the loss of each example by a factor that is
inverse to the count of its class. ``softmax`` adds the log of a class's share to its logit in training alone, so that
the model learns what the data say beside how common a class is. ``sampling`` draws each epoch's examples with
replacement, every class as often.

Source: of the softmax, Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, Equation 3;
of the weights, King and Zeng 2001, as in scikit-learn's ``class_weight="balanced"``.
"""

from typing import Literal

import torch
from torch import Tensor

Balance = Literal["none", "weights", "softmax", "sampling"]

ABSENT = 1e-9  # share of a class without examples: its logit gets no gradient, and label smoothing stays finite


def class_factors(labels: Tensor) -> Tensor:
    """Factors of the losses (m,) float64, on the device of ``labels`` (m,), with mean 1 and one sum for each class."""
    counts = labels.bincount()
    present = (counts > 0).sum()
    return len(labels) / (present * counts[labels].double())


def log_shares(labels: Tensor, classes: int) -> Tensor:
    """What the softmax adds to logits in training: (classes,) float64, the logs of the shares of ``labels`` (m,)."""
    return (labels.bincount(minlength=classes).double() / len(labels)).clamp(min=ABSENT).log()


def draw_balanced(labels: Tensor, rng: torch.Generator) -> Tensor:
    """Positions in ``labels`` (m,), m of them: each is drawn as first a class, all as likely, then an example of it."""
    return torch.multinomial(class_factors(labels.cpu()), len(labels), replacement=True, generator=rng)
