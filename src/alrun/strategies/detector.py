"""A model with one more output, for what belongs to no class: it learns from strangers, which no other model sees.

Source: Ning et al., Active Learning for Open-set Annotation, CVPR 2022.
"""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alrun.data.dataset import STRANGER
from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.training.convex import Convex
from alrun.training.learner import Learner


class Cooled(nn.Linear):
    """A last layer that divides its outputs by a temperature while it is trained."""

    def __init__(self, inputs: int, outputs: int, temperature: float) -> None:
        super().__init__(inputs, outputs)
        self.temperature = temperature

    def forward(self, input: Tensor) -> Tensor:
        """Outputs (B, classes + 1) of embeddings (B, H)."""
        outputs = F.linear(input, self.weight, self.bias)
        return outputs / self.temperature if self.training else outputs


def with_one_more(model: Classifier, temperature: float) -> Classifier:
    """``model`` with a new last layer of one more output, and without an ensemble."""
    old = model.head
    model.head = Cooled(old.in_features, old.out_features + 1, temperature).to(old.weight.device, old.weight.dtype)
    model.ensemble = 0
    return model


def train_detector(
    model: Classifier,
    fresh: Callable[[], Classifier],
    trainer: Learner,
    pool: Pool,
    temperature: float,
    seed: int,
    round: int,
) -> Classifier:
    """A model like ``model`` from new weights, trained on all that was queried; its last output is for strangers.

    Args:
        model: That of the run, which stays as it is.
        fresh: Makes one with new weights, from torch's global generators.
        trainer: Trains as in the run. A convex fit has no epochs: there a temperature T is a penalty of T² times.
        pool: With its labeled set and its strangers.
        temperature: Of the softmax in training; below 1, outputs must differ less for the same loss.
        seed: Of the training.
        round: The last one.
    """
    classes = model.head.out_features
    detector = with_one_more(copy.deepcopy(model), temperature)  # on the same device, in the same memory format
    detector.load_state_dict(with_one_more(fresh(), temperature).state_dict())
    labels = torch.where(pool.labels == STRANGER, classes, pool.labels)
    part = replace(pool, labels=labels, truth=labels, labeled=pool.queried, strangers=pool.strangers[:0])
    if isinstance(trainer, Convex):
        trainer = copy.copy(trainer)
        trainer.C = None if trainer.C is None else trainer.C / temperature**2
    trainer.fit(detector, part, seed, round, lambda epoch, accuracy: None, lambda: with_one_more(fresh(), temperature))
    if isinstance(trainer, Convex):  # whose optimum is that of the outputs over the temperature
        with torch.no_grad():
            detector.head.weight.mul_(temperature)
            detector.head.bias.mul_(temperature)
    return detector
