"""Adversarial strategies: examples that a small change of the image moves across the decision boundary.

The changes apply to normalized images; images that have crossed leave the batch.
"""

from abc import abstractmethod
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional as F

from alrun.models.classifier import Classifier
from alrun.strategies.base import Needs, Query, ScoreStrategy


class Adversarial(ScoreStrategy):
    """Labels the examples with the smallest perturbation; those that never cross come last."""

    needs = Needs()
    on_vectors = "margin"

    def __init__(self, max_iterations: Annotated[int, Ge(1)]) -> None:
        self.max_iterations = max_iterations

    def score(self, query: Query) -> Tensor:
        """The negative length of each example's perturbation, -inf where none was found: (n,)."""
        with query.evaluating():
            return -torch.cat([self.distance(query.model, images) for images in query.batches()])

    def distance(self, model: Classifier, images: Tensor) -> Tensor:
        """Length of the perturbation that changes the prediction of each image (B, C, H, W): (B,), inf if none does."""
        predicted = model(images).argmax(1)
        moved = torch.zeros_like(images)
        crossed = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        for _ in range(self.max_iterations):
            open_ = (~crossed).nonzero().flatten()
            if not len(open_):
                break
            x = images[open_] + self.applied(moved[open_])
            moved[open_] += self.step(model, x, predicted[open_])
            x = images[open_] + self.applied(moved[open_])
            crossed[open_] = model(x).argmax(1) != predicted[open_]
        return self.applied(moved).flatten(1).norm(dim=1).masked_fill(~crossed, torch.inf)

    def applied(self, moved: Tensor) -> Tensor:
        """The change of images whose steps add up to ``moved``: (B, C, H, W)."""
        return moved

    @abstractmethod
    def step(self, model: Classifier, images: Tensor, predicted: Tensor) -> Tensor:
        """The next step (B, C, H, W) of ``images`` toward another class than ``predicted`` (B,)."""


class DeepFool(Adversarial):
    """Steps to the nearest boundary of the model linearized at the image, until it is crossed.

    Args:
        max_iterations: At most this many steps.
        overshoot: Share by which the image moves farther than the steps, so that it does cross.
        classes: How many boundaries are considered, those of the most probable other classes.

    Source: Ducoffe and Precioso, Adversarial Active Learning for Deep Networks: a Margin Based Approach, 2018;
    Moosavi-Dezfooli et al., DeepFool, CVPR 2016, Algorithm 2.
    """

    def __init__(
        self,
        max_iterations: Annotated[int, Ge(1)] = 50,
        overshoot: Annotated[float, Ge(0)] = 0.02,
        classes: Annotated[int, Ge(1)] = 10,
    ) -> None:
        super().__init__(max_iterations)
        self.overshoot = overshoot
        self.classes = classes

    def applied(self, moved: Tensor) -> Tensor:
        """The steps, enlarged by ``overshoot``: (B, C, H, W)."""
        return (1 + self.overshoot) * moved

    def step(self, model: Classifier, images: Tensor, predicted: Tensor) -> Tensor:
        """The step (B, C, H, W) to the nearest linearized boundary, from a backward pass for each class."""
        with torch.enable_grad():
            x = images.detach().requires_grad_()
            logits = model(x)
            own = logits.gather(1, predicted[:, None])
            others = logits.detach().scatter(1, predicted[:, None], -torch.inf)
            rivals = others.topk(min(self.classes, logits.shape[1] - 1), dim=1).indices
            gaps = own - logits.gather(1, rivals)  # (B, k), 0 or more
            normals = torch.stack(
                [torch.autograd.grad(gap.sum(), x, retain_graph=True)[0] for gap in gaps.unbind(1)], 1
            )
        sqnorm = normals.flatten(2).square().sum(2).clamp_min(torch.finfo(normals.dtype).tiny)
        gaps = gaps.detach() + 1e-4  # beyond the boundary, also where the image lies on it
        nearest = (gaps / sqnorm.sqrt()).argmin(1, keepdim=True)
        rows = torch.arange(len(images), device=images.device)
        scale = (gaps / sqnorm).gather(1, nearest)[:, :, None, None]
        return -scale * normals[rows, nearest[:, 0]]


class Bim(Adversarial):
    """Basic iterative method: steps of ``step_size`` in the sign of the loss's gradient, in every pixel.

    Source: Kurakin, Goodfellow and Bengio, Adversarial Examples in the Physical World, 2017; as an acquisition in the
    DISTIL toolkit.
    """

    def __init__(self, max_iterations: Annotated[int, Ge(1)] = 100, step_size: Annotated[float, Gt(0)] = 0.05) -> None:
        super().__init__(max_iterations)
        self.step_size = step_size

    def step(self, model: Classifier, images: Tensor, predicted: Tensor) -> Tensor:
        """The step (B, C, H, W) away from the predicted class."""
        with torch.enable_grad():
            x = images.detach().requires_grad_()
            loss = F.cross_entropy(model(x), predicted, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, x)
        return self.step_size * gradient.sign()
