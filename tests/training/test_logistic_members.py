"""Several logistic regressions on the same examples, each against scikit-learn's in float64."""

import numpy as np
import pytest
import torch

from alrun.training import logistic, logistic_members
from alrun.training.logistic_members import fit_members
from tests.training.test_logistic import blobs, objective, theirs


def counts(members: int, n: int, seed: int = 0) -> torch.Tensor:
    """How often each of ``n`` examples is drawn for each member."""
    draws = np.random.default_rng(seed)
    return (
        torch.from_numpy(np.stack([np.bincount(draws.integers(n, size=n), minlength=n) for _ in range(members)])) * 1.0
    )


def check(X, y, weights, C=1.0, classes=None) -> None:
    """Every member's objective is scikit-learn's within 1e-6, and so are its predictions."""
    classes = classes or int(y.max()) + 1
    start = logistic.fit(X, y, classes, C)
    weight, bias = fit_members(X, y, classes, C, weights, (start.weight, start.bias))
    for member, given in enumerate(weights):
        used = given > 0
        other = theirs(X[used], y[used], C, given[used])
        kept = torch.from_numpy(other.classes_)
        W, b = np.asarray(weight[member, kept]), np.asarray(bias[member, kept])
        if len(kept) == 2:
            W, b = np.diff(W, axis=0), np.diff(b)
        best = objective(X[used], y[used], C, other.coef_, np.asarray(other.intercept_), given[used])
        assert objective(X[used], y[used], C, W, b, given[used]) <= best * (1 + 1e-6)
        found = (X.double() @ weight[member].T + bias[member]).argmax(1).numpy()
        assert np.array_equal(found, other.predict(X.double().numpy()))


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_each_is_scikit_learns_optimum(C, monkeypatch):
    monkeypatch.setattr(logistic_members, "LOGITS", 400 * 5 * 2)  # two at a time
    check(*blobs(400, 20, 5, apart=0.4), counts(5, 400), C)


def test_two_classes_are_scikit_learns_binary_case():
    check(*blobs(200, 8, 2, apart=0.3), counts(3, 200))


def test_fewer_examples_than_features():
    check(*blobs(60, 200, 4, apart=0.2), counts(3, 60))


def test_fractions_are_weights_too():
    check(*blobs(150, 6, 3, apart=0.3), counts(3, 150) * torch.linspace(0.2, 3, 150).double())


def test_a_member_without_examples_of_a_class_predicts_the_others():
    X, y = blobs(90, 6, 3, apart=0.3)
    y = torch.tensor([0, 2, 5])[y]
    weights = counts(3, 90)
    weights[1, y == 2] = 0
    weights[2, y != 5] = 0
    weights[2, y == 5] = 1
    check(X, y, weights[:2], classes=7)
    start = logistic.fit(X, y, 7, 1.0)
    weight, bias = fit_members(X, y, 7, 1.0, weights, (start.weight, start.bias))
    assert (X.double() @ weight[2].T + bias[2]).argmax(1).eq(5).all()


def test_one_that_the_start_leads_nowhere_is_fitted_alone(monkeypatch):
    X, y = blobs(120, 6, 3, apart=0.3)
    solved = logistic_members.optima

    def lost(*arguments):
        theta, excess = solved(*arguments)
        theta[1] += 1
        excess[1] = float("nan")
        return theta, excess

    monkeypatch.setattr(logistic_members, "optima", lost)
    check(X, y, counts(3, 120))
