"""The objective of logistic regression in float64 throughout, for penalties that are tiny beside the features.

There almost every probability is 0 or 1, and what decides is how far it is from that: float32 rounds the curvature to
0, and a loss that is a difference of logits has no digits left. It takes several times as long, so that only fits that
fail otherwise use it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.training.logistic_problem import Problem, Product, inverted

RIDGE = 1e-13  # share of the diagonal that is added to make a float64 matrix invertible


class Precise(Problem):
    """As ``Problem``; the precision that its methods are asked for does not matter."""

    def __init__(
        self, features: Tensor, labels: Tensor, classes: int, C: float, penalty: float, weights: Tensor | None
    ) -> None:
        super().__init__(features, labels, classes, C, penalty, weights)
        self.exact = self.features.double()

    def logits(self, theta: Tensor, precision: torch.dtype) -> Tensor:
        """Products of all features with ``theta`` (K, d + 1): (n, K)."""
        return self.exact @ theta.T

    def sums(self, weights: Tensor, precision: torch.dtype) -> Tensor:
        """Sums of the features with ``weights`` (n, m): (m, d + 1)."""
        return weights.T @ self.exact

    def objective(self, theta: Tensor, logits: Tensor) -> float:
        """The objective, with all digits of losses that are almost 0: log(1 + the odds of the other classes)."""
        beyond = (logits - logits.gather(1, self.labels)).scatter(1, self.labels, -torch.inf)
        loss = F.softplus(beyond.logsumexp(1, keepdim=True))
        return float((self.examples * loss).sum() + 0.5 * (self.ridge * theta.square()).sum())

    def gradient(self, theta: Tensor, probs: Tensor, precision: torch.dtype) -> Tensor:
        """Gradient of the objective (K, d + 1), with all digits of how far the probability of a label is from 1."""
        others = probs.scatter(1, self.labels, 0.0)
        residual = others.scatter(1, self.labels, -others.sum(1, keepdim=True)) * self.examples
        return self.ridge * theta + self.sums(residual, precision)

    def curvature(self, probs: Tensor) -> Product:
        """Products of the Hessian with directions (K, d + 1), whose changes of logits are relative to the label's."""
        weighted = probs * self.examples

        def times(direction: Tensor) -> Tensor:
            change = self.logits(direction, torch.float64)
            change = change - change.gather(1, self.labels)
            change = (change - (probs * change).sum(1, keepdim=True)) * weighted
            return self.sums(change, torch.float64) + self.ridge * direction

        return times

    def inverse(self, probs: Tensor) -> Tensor:
        """Inverse Hessian with the mean curvature for all classes, a preconditioner: (d + 1, d + 1)."""
        others = probs.scatter(1, self.labels, 0.0)
        left = others.sum(1, keepdim=True)  # 1 minus the probability of the label
        spread = left * (2 - left) - others.square().sum(1, keepdim=True)  # 1 minus the sum of squares
        matrix = self.exact.T @ (self.exact * (self.examples * spread / self.classes))
        matrix.diagonal().add_(self.ridge)
        return inverted(matrix, RIDGE)
