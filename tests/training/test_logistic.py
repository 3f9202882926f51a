"""Logistic regression at its optimum, against scikit-learn's in float64."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from alrun.training import logistic


def blobs(n: int, d: int, classes: int, apart: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    centers = torch.randn(classes, d, generator=draws) * apart
    labels = torch.arange(n) % classes
    return centers[labels] + torch.randn(n, d, generator=draws), labels


def theirs(X: Tensor, y: Tensor, C: float, weights: Tensor | None = None) -> LogisticRegression:
    model = LogisticRegression(C=C, tol=1e-8, max_iter=100_000)
    return model.fit(X.double().numpy(), y.numpy(), None if weights is None else weights.numpy())


def objective(X: Tensor, y: Tensor, C: float, W: np.ndarray, b: np.ndarray, weights: Tensor | None = None) -> float:
    """As scikit-learn's user guide defines it (1.1.11.1 and 1.1.11.2), in float64."""
    X64, labels = X.double().numpy(), np.unique(y.numpy(), return_inverse=True)[1]
    z = X64 @ W.T + b
    if len(W) == 1:
        losses = np.logaddexp(0, np.where(labels == 1, -z[:, 0], z[:, 0]))
    else:
        losses = np.logaddexp.reduce(z, 1) - z[np.arange(len(z)), labels]
    return float(C * (losses * (1 if weights is None else weights.numpy())).sum() + 0.5 * np.square(W).sum())


def check(X: Tensor, y: Tensor, C: float = 1.0, classes: int | None = None, weights: Tensor | None = None) -> None:
    """Objective within 1e-6 of scikit-learn's or below, and the same predictions."""
    other = theirs(X, y, C, weights)
    ours = logistic.fit(X, y, classes or int(y.max()) + 1, C, weights)
    kept = torch.from_numpy(other.classes_)
    W, b = ours.weight[kept].numpy(), ours.bias[kept].numpy()
    if len(kept) == 2:
        W, b = W[1:] - W[:1], b[1:] - b[:1]
    reached = objective(X, y, C, W, b, weights)
    assert ours.objective == pytest.approx(reached, rel=1e-6)
    assert reached <= objective(X, y, C, other.coef_, other.intercept_, weights) * (1 + 1e-6)
    assert np.array_equal(ours.logits(X).argmax(1).numpy(), other.predict(X.double().numpy()))
    assert ours.excess <= logistic.TOLERANCE


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_the_objective_and_the_predictions_are_those_of_scikit_learn(C):
    check(*blobs(400, 20, 5, apart=0.4), C=C)


def test_two_classes_are_scikit_learns_binary_case():
    check(*blobs(200, 8, 2, apart=0.3))


def test_a_class_without_examples_is_not_predicted_and_changes_nothing():
    X, y = blobs(200, 8, 3, apart=0.3)
    y = torch.tensor([0, 2, 5])[y]
    check(X, y, classes=7)
    probs = logistic.fit(X, y, 7, 1.0).logits(100 * X).log_softmax(1)
    assert probs.isfinite().all()
    assert probs[:, [1, 3, 4, 6]].max() < -25


def test_one_class_alone_is_predicted_everywhere():
    X, _ = blobs(20, 4, 2)
    found = logistic.fit(X, torch.full((20,), 2), 4, 1.0)
    assert found.logits(X).argmax(1).eq(2).all()
    assert (found.steps, found.objective) == (0, 0.0)


def test_fewer_examples_than_features():
    check(*blobs(60, 300, 4, apart=0.2))


def test_repeated_examples_count_as_often_as_they_are_there():
    X, y = blobs(50, 6, 3, apart=0.3)
    times = torch.randint(3, (50,), generator=torch.Generator().manual_seed(1))
    check(X, y, weights=times.double())
    repeated = logistic.fit(X.repeat_interleave(times, 0), y.repeat_interleave(times), 3, 1.0)
    weighted = logistic.fit(X, y, 3, 1.0, times.double())
    assert torch.allclose(repeated.weight, weighted.weight, atol=1e-5)


def test_features_of_very_different_scales_far_from_zero():
    X, y = blobs(300, 12, 4, apart=0.5)
    X = X * torch.logspace(-2, 2, 12) + torch.linspace(-300, 300, 12)
    # lbfgs does not come to the optimum on these features; on standardized ones with a penalty for each it would not be
    # the same problem. So the gradient is compared with zero.
    found = logistic.fit(X, y, 4, 1.0)
    probs = found.logits(X).softmax(1)
    probs[torch.arange(300), y] -= 1
    gradient = probs.T @ X.double() + found.weight
    assert (gradient.abs() / X.abs().double().sum(0)).max() < 1e-6
    assert probs.sum(0).abs().max() < 1e-4
    assert found.excess <= logistic.TOLERANCE


def test_separable_examples_with_hardly_a_penalty():
    check(*blobs(100, 10, 3, apart=4.0), C=1e4)


def test_a_constant_and_a_repeated_feature():
    X, y = blobs(200, 6, 3, apart=0.4)
    check(torch.cat([X, X, torch.full((200, 1), 7.0)], 1), y)


@pytest.mark.parametrize("factor", [1.0, 30.0, -5.0])
def test_where_it_starts_does_not_change_the_optimum(factor):
    X, y = blobs(300, 10, 4, apart=0.4)
    cold = logistic.fit(X, y, 4, 1.0)
    warm = logistic.fit(X, y, 4, 1.0, start=(factor * cold.weight, factor * cold.bias))
    assert torch.allclose(cold.weight, warm.weight, atol=1e-4)
    assert torch.equal(cold.logits(X).argmax(1), warm.logits(X).argmax(1))
    assert factor != 1 or warm.steps < cold.steps


def test_starting_at_the_optimum_of_fewer_examples_takes_fewer_steps():
    X, y = blobs(2000, 30, 5, apart=0.3)
    before = logistic.fit(X[:1800], y[:1800], 5, 1.0)
    assert logistic.fit(X, y, 5, 1.0, start=(before.weight, before.bias)).steps < logistic.fit(X, y, 5, 1.0).steps


@pytest.mark.parametrize("lower", [0.0, 60.0])  # of the bias of a class that it has seen
@pytest.mark.parametrize("C", [1.0, 10.0])
def test_a_start_that_gives_a_class_almost_no_probability(C, lower):
    # As in a round that meets a class for the first time. Parameters are float32, as a model keeps them.
    X, y = blobs(300, 60, 40)
    before = logistic.fit(X[:150][y[:150] < 39], y[:150][y[:150] < 39], 40, C)
    bias = before.bias.float() - lower * (torch.arange(40) == 0)
    warm = logistic.fit(X, y, 40, C, start=(before.weight.float(), bias))
    assert warm.excess <= logistic.TOLERANCE
    assert warm.objective == pytest.approx(logistic.fit(X, y, 40, C).objective, rel=1e-6)


def newtons(X: np.ndarray, y: np.ndarray, C: float) -> float:
    """The least objective in float64, by damped Newton steps with the whole Hessian, C raised step by step."""
    n, d = X.shape
    classes = y.max() + 1
    rows, ridge = np.c_[X / X.std(), np.ones(n)], np.r_[np.full(d, 1 / X.std() ** 2), 0.0]
    theta, labels = np.zeros((classes, d + 1)), np.arange(n)

    def value(theta: np.ndarray) -> float:
        beyond = rows @ theta.T
        beyond = beyond - beyond[labels, y][:, None]
        beyond[labels, y] = -np.inf
        return factor * np.logaddexp(0, np.logaddexp.reduce(beyond, 1)).sum() + (ridge * theta**2).sum() / 2

    for factor in np.geomspace(1e-6 * C, C, 25):
        for _ in range(60):
            z = rows @ theta.T
            p = np.exp(z - np.logaddexp.reduce(z, 1)[:, None])
            residual = p.copy()
            residual[labels, y] = 0.0
            residual[labels, y] = -residual.sum(1)
            gradient = (ridge * theta + factor * residual.T @ rows).ravel()
            curved = np.einsum("na,nab,ni,nj->aibj", p, np.eye(classes) - p[:, None], rows, rows) * factor
            hessian = curved.reshape(len(gradient), -1) + np.diag(np.tile(ridge, classes))
            hessian += 1e-13 * hessian.max() * np.eye(len(gradient))  # the biases have no least value of their own
            step, length = np.linalg.solve(hessian, gradient), 1.0
            while value(theta - length * step.reshape(theta.shape)) > value(theta) and length > 1e-8:
                length /= 2
            theta = theta - (length > 1e-8) * length * step.reshape(theta.shape)
            if gradient @ step < 1e-9 * value(theta) or length <= 1e-8:
                break
    return value(theta)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e4, 1e6])
def test_the_optimum_is_reached_where_the_penalty_is_tiny_beside_the_features(scale):
    X, y = blobs(30, 5, 3, apart=4.0)
    X = scale * X
    found = logistic.fit(X, y, 3, 1.0)
    assert 0 <= found.excess <= logistic.TOLERANCE
    assert found.objective == pytest.approx(newtons(X.double().numpy(), y.numpy(), 1.0), rel=1e-3)
    twice = logistic.fit(X, y, 3, 1.0, start=(found.weight, found.bias))
    assert twice.objective == pytest.approx(found.objective, rel=1e-6)


def test_a_penalty_of_almost_nothing_separates_what_can_be_separated():
    X, y = blobs(60, 5, 3, apart=4.0)
    found = logistic.fit(X, y, 3, 1e30)
    assert 0 <= found.excess <= logistic.TOLERANCE
    assert torch.equal(found.logits(X).argmax(1), y)
