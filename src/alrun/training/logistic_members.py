"""The heads of an ensemble: logistic regressions on the same examples with different weights, solved together.

The method and its tolerance are those of alrun.training.logistic. A product with the features serves all heads at once,
and one preconditioner does: with the mean of their weights, the curvature is about that of each.
"""

import math

import torch
from torch import Tensor

from alrun.selection.products import products
from alrun.training import logistic
from alrun.training.logistic_problem import Problem, Product

LOGITS = 2**24  # of all heads that are solved together


def fit_members(
    features: Tensor,
    labels: Tensor,
    classes: int,
    C: float,
    weights: Tensor,
    start: tuple[Tensor, Tensor],
    tolerance: float = logistic.TOLERANCE,
) -> tuple[Tensor, Tensor]:
    """The optima for ``features`` (n, d) float32 under each of the ``weights`` (M, n): (M, classes, d), (M, classes).

    A head whose weights leave out a class, and one that does not reach its optimum from ``start``, is fitted alone.

    Args:
        features: Finite.
        labels: 0 to ``classes`` - 1.
        classes: How many there are.
        C: Weight of the loss against the penalty.
        weights: Of the examples, not negative, float64.
        start: Weights (classes, d) and biases (classes,) of the optimum for weights of 1.
        tolerance: Stop when a step would lower the objective by less than this share.
    """
    present, numbered = labels.unique(return_inverse=True)
    count = len(present)
    weight = torch.zeros(len(weights), classes, features.shape[1], dtype=torch.float64, device=features.device)
    bias = torch.full((len(weights), classes), logistic.UNSEEN, dtype=torch.float64, device=features.device)
    seen = torch.zeros(len(weights), count, dtype=weights.dtype, device=weights.device)
    seen.index_add_(1, numbered, weights)
    together = (seen > 0).all(1) & (count > 1)
    members = together.nonzero().flatten()
    narrow, rotation = logistic.rotated(features)
    begin = logistic.parameters_of(start[0][present].double(), start[1][present].double(), rotation)
    penalty = 2.0 if count == 2 else 1.0  # as in logistic.fit
    at_once = max(1, LOGITS // (len(labels) * count))
    for some in members.split(at_once) if len(members) else ():
        problem = Members(narrow, numbered, count, C, penalty, weights[some])
        theta, excess = optima(problem, begin, tolerance)
        for member, found, left in zip(some.tolist(), theta, excess.tolist(), strict=True):
            together[member] = 0 <= left <= tolerance
            weight[member, present] = found[:, :-1] if rotation is None else found[:, :-1] @ rotation.T
            bias[member, present] = found[:, -1]
    for member in (~together).nonzero().flatten().tolist():
        alone = logistic.fit(features, labels, classes, C, weights[member], start, tolerance)
        weight[member], bias[member] = alone.weight, alone.bias
    return weight, bias


class Members(Problem):
    """The objectives of M heads. Their parameters are (M, K, d + 1), their logits (n, M, K)."""

    def __init__(
        self, features: Tensor, labels: Tensor, classes: int, C: float, penalty: float, weights: Tensor
    ) -> None:
        super().__init__(features, labels, classes, C, penalty, None)
        self.members = len(weights)
        self.examples = C * weights.T[:, :, None]  # (n, M, 1)
        self.labels = self.labels[:, None].expand(-1, self.members, 1)

    def logits(self, theta: Tensor, precision: torch.dtype) -> Tensor:
        """Products of all features with ``theta`` (M, K, d + 1): (n, M, K) float64."""
        return super().logits(theta.flatten(0, 1), precision).view(-1, self.members, self.classes)

    def objectives(self, theta: Tensor, logits: Tensor) -> Tensor:
        """The objective of each head at ``theta``, which has these ``logits`` (n, M, K): (M,)."""
        loss = logits.logsumexp(2, keepdim=True) - logits.gather(2, self.labels)
        return (self.examples * loss).sum((0, 2)) + 0.5 * (self.ridge * theta.square()).sum((1, 2))

    def gradients(self, theta: Tensor, probs: Tensor, precision: torch.dtype) -> Tensor:
        """Gradients of the objectives at ``theta``, given the class probabilities (n, M, K): (M, K, d + 1) float64."""
        residual = probs.scatter_add(2, self.labels, probs.new_full(self.labels.shape, -1.0)) * self.examples
        sums = self.sums(residual.flatten(1), precision)
        return sums.view_as(theta) + self.ridge * theta

    def curvature(self, probs: Tensor) -> Product:
        """Products of the Hessians with directions (M, K, d + 1) float32."""
        probs, ridge = probs.float(), self.ridge.float()
        weighted = probs * self.examples.float()

        def times(direction: Tensor) -> Tensor:
            change = self.products.times(direction.flatten(0, 1)).reshape_as(probs)
            change = (change - (probs * change).sum(2, keepdim=True)) * weighted
            return torch.addcmul(self.products.sums(change.flatten(1)).reshape_as(direction), direction, ridge)

        return times

    def inverse(self, probs: Tensor) -> Tensor:
        """Inverse Hessian with the mean curvature of heads and classes, a preconditioner: (d + 1, d + 1) float32."""
        spread = self.examples * (1 - probs.square().sum(2, keepdim=True))
        return self.inverse_of(spread.mean(1) / self.classes)


def optima(problem: Members, start: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Parameters (M, K, d + 1), and the share of its objective (M,) that the last step of each head should gain.

    As logistic.optimum, step by step for all heads; one that has reached its optimum stays there.
    """
    precision = torch.float32
    theta = problem.inside(start).expand(problem.members, -1, -1)
    logits = problem.logits(theta, precision)
    value = problem.objectives(theta, logits)
    excess = torch.full_like(value, math.inf)
    done = torch.zeros_like(value, dtype=torch.bool)
    inverse, iterations = None, 0
    for _ in range(logistic.STEPS):
        probs = logits.softmax(2)
        gradient = problem.gradients(theta, probs, precision).masked_fill(done[:, None, None], 0.0)
        if inverse is None or iterations > logistic.MANY:
            inverse = problem.inverse(probs)
        direction, iterations = solve_newton_steps(problem.curvature(probs), inverse, -gradient)
        slope = (gradient * direction).sum((1, 2))
        excess = excess.where(done, -slope / 2 / value)
        stuck = (slope == 0) & gradient.flatten(1).any(1)  # no step was found
        excess = excess.masked_fill(stuck, math.nan)
        moved, length = problem.logits(direction, precision), (~done).double()
        while True:
            there, logits_there = theta + length[:, None, None] * direction, logits + length[:, None] * moved
            reached = problem.objectives(there, logits_there)
            worse = (reached > value + 1e-4 * length * slope) & ~done
            if not (worse & (length > logistic.SHORTEST)).any():
                break
            length = torch.where(worse, length / 2, length)
        theta = there.where(~worse[:, None, None], theta)
        logits = logits_there.where(~worse[:, None], logits)
        value = reached.where(~worse, value)
        if precision == torch.float64 or tolerance >= logistic.NEAR:
            done |= ((excess >= 0) & (excess <= tolerance)) | worse | stuck
            if done.all():
                break
        elif (done | worse | stuck | (excess < logistic.NEAR)).all():
            precision = torch.float64
            logits = problem.logits(theta, precision)
            value = problem.objectives(theta, logits)
    return torch.stack([problem.outside(each) for each in theta]), excess


def solve_newton_steps(times: Product, inverse: Tensor, target: Tensor) -> tuple[Tensor, int]:
    """Approximate x (M, K, d + 1) with ``times(x)`` equal to ``target``, and the most iterations that one took."""
    largest = target.abs().amax((1, 2), keepdim=True)  # in float32 the square of a small gradient underflows
    residual = (target / largest.clamp_min(torch.finfo(target.dtype).tiny)).to(inverse.dtype)
    x = torch.zeros_like(residual)
    direction = precise = preconditioned(residual, inverse)
    now = enough = (residual * precise).sum((1, 2), keepdim=True)
    is_open, count = now > 0, 0
    while count < logistic.ITERATIONS and is_open.any():
        count += 1
        product = times(direction)
        along = (direction * product).sum((1, 2), keepdim=True)
        is_open = is_open & (along > 0)  # otherwise only round-off is left
        rate = torch.where(is_open, now / along, 0.0)
        x.addcmul_(direction, rate)
        residual = residual - rate * product
        precise = preconditioned(residual, inverse)
        before, now = now, (residual * precise).sum((1, 2), keepdim=True)
        is_open = is_open & (now > logistic.FORCING**2 * enough)
        direction = torch.where(is_open, precise + now / before * direction, 0.0)
    return x.double() * largest, count


def preconditioned(residual: Tensor, inverse: Tensor) -> Tensor:
    """``residual`` (M, K, d + 1) times the symmetric ``inverse``."""
    return products(inverse, residual.flatten(0, 1)).T.reshape_as(residual)
