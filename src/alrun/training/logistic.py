"""Multinomial logistic regression at its optimum: Newton's method on the device of the features.

The objective is that of scikit-learn's ``LogisticRegression(C)``: half the sum of the squared weights plus C times the
sum of the cross entropies; biases are free. A step solves H d = -g by conjugate gradients, whose iteration takes two
products with the features, in float32. Near the optimum the objective and its gradient are float64: the loss of
precision in float32 costs steps, but no accuracy.

Source: Nocedal and Wright, Numerical Optimization, 2nd ed., Algorithm 7.1 (line search Newton-CG).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alrun.training.logistic_precise import Precise
from alrun.training.logistic_problem import Problem, Product

TOLERANCE = 1e-8  # of the objective
STEPS = 100  # of Newton's method at most
ITERATIONS = 200  # of conjugate gradients in a step at most
MANY = 15  # iterations after which the preconditioner is computed again
FORCING = 0.1  # share of the gradient, in the norm of the preconditioner, at which a step is solved
NEAR = 1e-4  # share of the objective below which a step needs float64
SHORTEST = 1e-6  # step, as a share of Newton's
SHRUNK = (1.0, 0.5, 0.25, 0.1, 0.0)  # factors of the parameters to start from
NARROW = 0.7  # examples per feature below which a rotation into the span of the examples saves time
UNSEEN = -30.0  # logit of a class without examples, whose optimum is minus infinity; the others' biases have mean 0


@dataclass(frozen=True)
class Optimum:
    """A fitted model: logits are ``x @ weight.T + bias``."""

    weight: Tensor  # (classes, d) float64
    bias: Tensor  # (classes,) float64
    objective: float
    # Expected gain of the last step as a share of the objective: half of Newton's decrement; NaN if no step was found.
    excess: float
    steps: int

    def logits(self, features: Tensor) -> Tensor:
        """Logits of ``features`` (n, d): (n, classes) float64."""
        return features.double() @ self.weight.T + self.bias


def fit(
    features: Tensor,
    labels: Tensor,
    classes: int,
    C: float,
    weights: Tensor | None = None,
    start: tuple[Tensor, Tensor] | None = None,
    tolerance: float = TOLERANCE,
) -> Optimum:
    """The optimum for ``features`` (n, d) float32 with ``labels`` (n,), on their device.

    Two classes share one vector of weights, as in scikit-learn. A class without examples has weights of 0 and almost no
    probability.

    Args:
        features: Finite.
        labels: 0 to ``classes`` - 1.
        classes: How many there are.
        C: Weight of the loss against the penalty.
        weights: Of the examples (n,), not negative, some positive; None: all are 1.
        start: Weights (classes, d) and biases (classes,) to start from; the optimum is the same.
        tolerance: Stop when a step would lower the objective by less than this share.
    """
    if weights is not None:
        features, labels, weights = (part[weights > 0] for part in (features, labels, weights))
    present, numbered = labels.unique(return_inverse=True)
    count, width = len(present), features.shape[1]
    weight = torch.zeros(classes, width, dtype=torch.float64, device=features.device)
    bias = torch.full((classes,), UNSEEN, dtype=torch.float64, device=features.device)
    if count == 1:
        bias[present] = 0.0
        return Optimum(weight, bias, 0.0, 0.0, 0)
    narrow, rotation = rotated(features)
    begin = None
    if start is not None:
        begin = parameters_of(start[0][present].double(), start[1][present].double(), rotation)
    penalty = 2.0 if count == 2 else 1.0  # one vector w is kept as w/2 and -w/2: half of its square in all
    problem = Problem(narrow, numbered, count, C, penalty, weights)
    theta, objective, excess, steps = optimum(problem, begin, tolerance)
    if begin is not None and not 0 <= excess <= tolerance:  # the start was so far away that no step could lead back
        theta, objective, excess, more = optimum(problem, None, tolerance)
        steps += more
    if not 0 <= excess <= tolerance:  # the last step led nowhere: float32 has too few digits
        precise = Precise(narrow, numbered, count, C, penalty, weights)
        theta, objective, excess, more = optimum(precise, None, tolerance)
        steps += more
    weight[present] = theta[:, :-1] if rotation is None else theta[:, :-1] @ rotation.T
    bias[present] = theta[:, -1]
    return Optimum(weight, bias, objective, excess, steps)


def rotated(features: Tensor) -> tuple[Tensor, Tensor | None]:
    """``features`` (n, d) rotated into their span (n, n), and the rotation (d, n) float64, if n is much less than d.

    Optimal weights are sums of examples: this loses nothing, keeps all squares, and saves time.
    """
    if len(features) >= NARROW * features.shape[1]:
        return features, None
    rotation = torch.linalg.qr(features.T.double()).Q
    return (features.double() @ rotation).float(), rotation


def parameters_of(weight: Tensor, bias: Tensor, rotation: Tensor | None) -> Tensor:
    """Parameters (K, d + 1) to start from: weights (K, d), rotated, beside biases (K,).

    A class that had no examples before starts with the smallest bias of the others: where its probability is almost 0,
    the curvature is too, and Newton's step has no bounds.
    """
    known = (weight != 0).any(1)
    if known.any():
        bias = bias.where(known, bias[known].min())
    return torch.cat([weight if rotation is None else weight @ rotation, bias[:, None]], 1)


def optimum(problem: Problem, start: Tensor | None, tolerance: float) -> tuple[Tensor, float, float, int]:
    """Parameters (K, d + 1), their objective, the share of it that the last step should gain, and the steps."""
    precision = torch.float32  # of the gradient and of what a step adds to the logits
    theta, logits = initial_parameters(problem, start)
    value = problem.objective(theta, logits)
    inverse, iterations, excess, steps = None, 0, math.inf, 0
    while steps < STEPS:
        steps += 1
        probs = logits.softmax(1)
        gradient = problem.gradient(theta, probs, precision)
        if inverse is None or iterations > MANY:
            inverse = problem.inverse(probs)
        direction, iterations = solve_newton_step(problem.curvature(probs), inverse, -gradient)
        slope = float((gradient * direction).sum())
        excess = -slope / 2 / value if value else 0.0
        if not slope and gradient.any():  # no step was found
            excess = math.nan
        moved, length = problem.logits(direction, precision), 1.0
        while length > SHORTEST:
            there, logits_there = theta + length * direction, logits + length * moved
            reached = problem.objective(there, logits_there)
            if reached <= value + 1e-4 * length * slope:
                theta, logits, value = there, logits_there, reached
                break
            length /= 2
        is_exact = precision == torch.float64 or tolerance >= NEAR
        stuck = math.isnan(excess) or length <= SHORTEST
        if is_exact and (0 <= excess <= tolerance or stuck):
            break
        if precision == torch.float32 and (excess < NEAR or stuck):
            precision = torch.float64
            logits = problem.logits(theta, precision)
            value = problem.objective(theta, logits)
    return problem.outside(theta), value, excess, steps


def initial_parameters(problem: Problem, start: Tensor | None) -> tuple[Tensor, Tensor]:
    """Initial parameters and their logits: ``start``, scaled down if that is better, or zeros without ``start``.

    Weights that fit fewer examples too well are too large for more of them.
    """
    if start is None:
        theta = problem.nothing()
        return theta, problem.logits(theta, torch.float32)
    theta = problem.inside(start)
    logits = problem.logits(theta, torch.float32)
    best = min(SHRUNK, key=lambda factor: problem.objective(factor * theta, factor * logits))
    return best * theta, best * logits


def solve_newton_step(times: Product, inverse: Tensor, target: Tensor) -> tuple[Tensor, int]:
    """An approximate x (K, d + 1) with ``times(x)`` equal to ``target``, and the number of iterations."""
    largest = float(target.abs().max())  # in float32 the square of a small gradient underflows
    if not largest:
        return target, 0
    residual = (target / largest).to(inverse.dtype)
    x = torch.zeros_like(residual)
    direction = precise = residual @ inverse
    now = enough = (residual * precise).sum()
    count = 0
    while count < ITERATIONS:
        count += 1
        product = times(direction)
        along = (direction * product).sum()
        if not along > 0:  # only round-off is left
            break
        x.addcmul_(direction, now / along)
        residual = residual - now / along * product
        precise = residual @ inverse
        before, now = now, (residual * precise).sum()
        if not now > FORCING**2 * enough:
            break
        direction = precise + now / before * direction
    return x.double() * largest, count
