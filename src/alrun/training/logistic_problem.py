"""The objective of logistic regression, its gradient and its curvature, for standardized features.

Parameters are (K, d + 1), of which the last column are biases, and logits (n, K) float64. The layout lets products
read the features in memory order.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.selection.products import Repeated

ROWS = 8192  # converted to float64 at a time
RIDGE = 1e-6  # share of the diagonal that is added to make a float32 matrix invertible

Product = Callable[[Tensor], Tensor]


class Problem:
    """Half ``penalty`` times the squared weights, plus C times the sum of the weighted cross entropies.

    Args:
        features: (n, d) float32.
        labels: (n,) from 0 to ``classes`` - 1, each of which occurs.
        classes: 2 or more.
        C: Factor of the sum of losses.
        penalty: Factor of half the squared weights.
        weights: Of the examples (n,); None: all are 1.
    """

    def __init__(
        self, features: Tensor, labels: Tensor, classes: int, C: float, penalty: float, weights: Tensor | None
    ) -> None:
        # Centering only changes the biases, and scaling a feature its penalty. The curvature is then rounder, and
        # float32 also suffices for features far from 0.
        center = features.mean(0, dtype=torch.float64).float()
        scale = (features - center).square().mean(0, dtype=torch.float64).sqrt().float()
        if not scale.isfinite().all():  # squares beyond float32
            scale = (features - center).double().square().mean(0).sqrt().float()
        scale[scale < torch.finfo(torch.float32).tiny] = 1.0
        self.features = torch.cat([(features - center) / scale, torch.ones_like(features[:, :1])], 1)
        self.products = Repeated(self.features)
        self.center, self.scale = center.double()[:, None], scale.double()
        self.classes = classes
        self.labels = labels[:, None]
        self.examples = torch.full((len(labels), 1), C, dtype=torch.float64, device=labels.device)
        if weights is not None:
            self.examples *= weights[:, None]
        self.ridge = torch.cat([penalty / self.scale.square(), self.scale.new_zeros(1)])

    def nothing(self) -> Tensor:
        """Parameters that are all 0."""
        return self.ridge.new_zeros(self.classes, len(self.ridge))

    def inside(self, theta: Tensor) -> Tensor:
        """Parameters for the standardized features, from those for the original features."""
        bias = theta[:, -1:] + theta[:, :-1] @ self.center
        return torch.cat([theta[:, :-1] * self.scale, bias - bias.mean()], 1)

    def outside(self, theta: Tensor) -> Tensor:
        """Parameters for the original features; biases have mean 0."""
        weight = theta[:, :-1] / self.scale
        bias = theta[:, -1:] - weight @ self.center
        return torch.cat([weight, bias - bias.mean()], 1)

    def logits(self, theta: Tensor, precision: torch.dtype) -> Tensor:
        """Products of all features with ``theta`` (K, d + 1): (n, K) float64."""
        if precision == torch.float32:
            return self.products.times(theta.float()).double()
        return torch.cat([part.double() @ theta.T for part in self.features.split(ROWS)])

    def objective(self, theta: Tensor, logits: Tensor) -> float:
        """The objective at ``theta``, which has these ``logits`` (n, K)."""
        loss = logits.logsumexp(1, keepdim=True) - logits.gather(1, self.labels)
        return float((self.examples * loss).sum() + 0.5 * (self.ridge * theta.square()).sum())

    def gradient(self, theta: Tensor, probs: Tensor, precision: torch.dtype) -> Tensor:
        """Gradient of the objective at ``theta``, given the class probabilities (n, K): (K, d + 1) float64."""
        residual = probs.scatter_add(1, self.labels, probs.new_full(self.labels.shape, -1.0)) * self.examples
        return self.ridge * theta + self.sums(residual, precision)

    def sums(self, weights: Tensor, precision: torch.dtype) -> Tensor:
        """Sums of the features with ``weights`` (n, m) float64: (m, d + 1)."""
        if precision == torch.float32:
            return self.products.sums(weights.float())
        parts = zip(self.features.split(ROWS), weights.split(ROWS), strict=True)
        return sum((some.T @ part.double() for part, some in parts), self.ridge.new_zeros(()))

    def curvature(self, probs: Tensor) -> Product:
        """Products of the Hessian with directions (K, d + 1) float32."""
        probs, ridge = probs.float(), self.ridge.float()
        weighted = probs * self.examples.float()

        def times(direction: Tensor) -> Tensor:
            change = self.products.times(direction)
            change -= (probs * change).sum(1, keepdim=True)
            change *= weighted
            return torch.addcmul(self.products.sums(change), direction, ridge)

        return times

    def inverse(self, probs: Tensor) -> Tensor:
        """Inverse Hessian with the mean curvature for all classes, a preconditioner: (d + 1, d + 1) float32."""
        return self.inverse_of(self.examples * (1 - probs.square().sum(1, keepdim=True)) / self.classes)

    def inverse_of(self, spread: Tensor) -> Tensor:
        """Inverse of the ridge plus the features' squares, each times its ``spread`` (n, 1): (d + 1, d + 1) float32."""
        matrix = self.products.squares(spread.float()).double()
        matrix.diagonal().add_(self.ridge)
        return inverted(matrix, RIDGE).float()


def inverted(matrix: Tensor, share: float) -> Tensor:
    """Inverse of a positive definite ``matrix`` with a ``share`` of its diagonal added, which changes it in place.

    The inverse of the diagonal alone where round-off leaves the matrix indefinite.
    """
    matrix.diagonal().mul_(1 + share)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed or not factor.isfinite().all():
        return (1 / matrix.diagonal()).diag()
    return torch.cholesky_inverse(factor)
