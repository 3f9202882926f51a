"""Balanced training against scikit-learn, against a minimizer of scipy, and against updates written out in float64."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from alrun.data.augmentation import Cast, NoAugmentation
from alrun.models.linear import Linear
from alrun.pool.pool import Pool
from alrun.settings import identity
from alrun.system.errors import UserError
from alrun.training.balance import class_factors, draw_balanced, log_shares
from alrun.training.convex import Convex
from alrun.training.optimizer import Optimization
from alrun.training.regularization import CHOICES, FOLDS, assign_folds, select_penalty
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer

CLASSES, WIDTH = 4, 6
COUNTS = (60, 25, 9, 0)  # of the labeled set; the last class is absent
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Overlapping classes of different sizes, in mixed order, and ten examples that are not labeled."""
    draws = np.random.default_rng(0)
    labels = draws.permutation(np.repeat(np.arange(CLASSES), COUNTS))
    labels = np.r_[labels, np.full(10, 3)]
    rows = draws.normal(size=(CLASSES, WIDTH))[labels] + 1.2 * draws.normal(size=(len(labels), WIDTH))
    return Pool(torch.from_numpy(rows).float(), torch.from_numpy(labels), torch.arange(sum(COUNTS)))


def labeled(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    return pool.images[pool.labeled].double().numpy(), pool.labels[pool.labeled].numpy()


def trained(pool: Pool, balance: str, epochs: int = 3, size: int = 200, seed: int = 0) -> tuple[Linear, Trainer]:
    """A linear model after some epochs of plain gradient descent; a batch is the whole labeled set."""
    model = Linear(WIDTH, CLASSES)
    optimization = Optimization(lambda parameters: torch.optim.SGD(parameters, 0.5))
    stop = StopRule(epochs, None, None, 0.0)
    trainer = Trainer(optimization, NoAugmentation(), Cast(CPU), NoSubset(), stop, size, 100, balance=balance)  # type: ignore[arg-type]
    trainer.fit(model, pool, seed, 1, lambda epoch, accuracy: None)
    return model, trainer


def descended(x: np.ndarray, y: np.ndarray, factors: np.ndarray, shift: np.ndarray, epochs: int = 3):
    """The same by the formula of the gradient, in float64."""
    weight, bias = np.zeros((CLASSES, WIDTH)), np.zeros(CLASSES)
    for _ in range(epochs):
        probs = np.exp(log_softmax(x @ weight.T + bias + shift, 1))
        residual = factors[:, None] * (probs - np.eye(CLASSES)[y]) / len(y)
        weight, bias = weight - 0.5 * residual.T @ x, bias - 0.5 * residual.sum(0)
    return weight, bias


def is_model(model: Linear, weight: np.ndarray, bias: np.ndarray, tolerance: float) -> bool:
    found = model.head.weight.detach().numpy(), model.head.bias.detach().numpy()
    return all(np.allclose(*pair, atol=tolerance) for pair in zip(found, (weight, bias), strict=True))


def test_factors_are_those_of_scikit_learn(pool):
    _, y = labeled(pool)
    assert class_factors(torch.from_numpy(y)).numpy() == pytest.approx(compute_sample_weight("balanced", y), rel=1e-12)


@pytest.mark.parametrize("balance", ["none", "weights", "softmax"])
def test_descent_follows_the_gradient_written_out(pool, balance):
    x, y = labeled(pool)
    factors = compute_sample_weight("balanced", y) if balance == "weights" else np.ones(len(y))
    with np.errstate(divide="ignore"):  # the prior of the absent class is 0
        shift = np.log(np.array(COUNTS) / len(y)) if balance == "softmax" else np.zeros(CLASSES)
    model, _ = trained(pool, balance)
    assert is_model(model, *descended(x, y, factors, shift), tolerance=1e-5)
    if balance != "none":
        assert not is_model(model, *descended(x, y, np.ones(len(y)), np.zeros(CLASSES)), tolerance=1e-2)


def test_label_smoothing_goes_with_the_softmax(pool):
    model = Linear(WIDTH, CLASSES)
    optimization = Optimization(lambda parameters: torch.optim.SGD(parameters, 0.1), label_smoothing=0.1)
    stop = StopRule(3, None, None, 0.0)
    trainer = Trainer(optimization, NoAugmentation(), Cast(CPU), NoSubset(), stop, 20, 100, balance="softmax")
    trainer.fit(model, pool, 0, 1, lambda epoch, accuracy: None)
    assert model.head.weight.isfinite().all()


def test_sampling_draws_classes_as_often_and_their_examples_as_often():
    labels = torch.tensor([0] * 900 + [1] * 90 + [3] * 10)
    drawn = torch.cat([draw_balanced(labels, torch.Generator().manual_seed(seed)) for seed in range(20)])
    assert len(drawn) == 20 * len(labels)
    of_class = Counter(labels[drawn].tolist())
    for label in (0, 1, 3):  # within five standard deviations
        assert abs(of_class[label] - len(drawn) / 3) < 5 * (len(drawn) * 2 / 9) ** 0.5
    of_rare = np.bincount(drawn[drawn >= 990].numpy() - 990)
    expected = of_class[3] / 10
    assert (np.abs(of_rare - expected) < 5 * expected**0.5).all()


def test_an_epoch_of_sampling_sees_the_labeled_set_alone_and_in_turn_with_the_seed(pool):
    seen: list[torch.Tensor] = []

    class Spy(Linear):
        def embed(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.clone())
            return super().embed(images)

    for seed in (0, 0, 1):
        model = Spy(WIDTH, CLASSES)
        optimization = Optimization(lambda parameters: torch.optim.SGD(parameters, 0.1))
        stop = StopRule(2, None, None, 0.0)
        trainer = Trainer(optimization, NoAugmentation(), Cast(CPU), NoSubset(), stop, 200, 100, balance="sampling")
        trainer.fit(model, pool, seed, 1, lambda epoch, accuracy: None)
    first, second, again, _, other, _ = seen
    assert first.equal(again)
    assert not first.equal(second)
    assert not first.equal(other)
    known = {tuple(row) for row in pool.images[pool.labeled].tolist()}
    assert {tuple(row) for row in first.tolist()} <= known
    assert len(first) == len(known)


def convex(pool: Pool, **settings) -> Linear:
    model = Linear(WIDTH, CLASSES)
    Convex(lambda rows: rows.float(), 100, **settings).fit(model, pool, 0, 1, lambda epoch, accuracy: None)
    return model


@pytest.mark.parametrize("C", [0.1, 10.0])
def test_weights_at_the_optimum_are_the_class_weights_of_scikit_learn(pool, C):
    x, y = labeled(pool)
    expected = LogisticRegression(C=C, class_weight="balanced", tol=1e-10, max_iter=10_000).fit(x, y)
    found, plain = convex(pool, C=C, balance="weights"), convex(pool, C=C)
    assert found.head.weight[:3].detach().numpy() == pytest.approx(expected.coef_, abs=1e-4)
    assert found.head.bias[:3].detach().numpy() == pytest.approx(expected.intercept_, abs=1e-4)
    assert not np.allclose(plain.head.weight[:3].detach().numpy(), expected.coef_, atol=1e-2)


def test_the_softmax_at_the_optimum_is_that_of_a_slow_minimizer(pool):
    """scipy minimizes the loss with shifted logits, in which biases and priors play their own parts."""
    x, y = labeled(pool)
    shift = np.log(np.array(COUNTS[:3]) / len(y))

    def objective(theta: np.ndarray) -> float:
        weight, bias = theta[: 3 * WIDTH].reshape(3, WIDTH), theta[3 * WIDTH :]
        return 0.5 * (weight**2).sum() - 2.0 * log_softmax(x @ weight.T + bias + shift, 1)[np.arange(len(y)), y].sum()

    best = minimize(objective, np.zeros(3 * WIDTH + 3), method="BFGS", options={"gtol": 1e-5}).x
    found = convex(pool, C=2.0, balance="softmax")
    assert found.head.weight[:3].detach().numpy() == pytest.approx(best[: 3 * WIDTH].reshape(3, WIDTH), abs=1e-3)
    bias = found.head.bias[:3].detach().numpy()
    assert bias - bias.mean() == pytest.approx(best[3 * WIDTH :] - best[3 * WIDTH :].mean(), abs=1e-3)
    assert found.head.bias[3] < bias.min() - 20  # the absent class has almost no probability


def test_the_penalty_is_selected_by_the_weighted_loss(pool):
    x, y = labeled(pool)
    factors, fold = compute_sample_weight("balanced", y), assign_folds(torch.from_numpy(y)).numpy()
    losses = np.zeros(len(CHOICES))
    for number in range(FOLDS):
        train, held = fold != number, fold == number
        for position, C in enumerate(CHOICES):
            model = LogisticRegression(C=C, tol=1e-8, max_iter=10_000).fit(x[train], y[train], factors[train])
            losses[position] -= (factors[held] * model.predict_log_proba(x[held])[np.arange(held.sum()), y[held]]).sum()
    features, labels = pool.images[pool.labeled], pool.labels[pool.labeled]
    assert select_penalty(features, labels, CLASSES, torch.from_numpy(factors)) == CHOICES[losses.argmin()]


def test_members_of_an_ensemble_are_balanced_too(pool):
    plain, balanced = Linear(WIDTH, CLASSES, ensemble=2), Linear(WIDTH, CLASSES, ensemble=2)
    for model, balance in ((plain, "none"), (balanced, "softmax")):
        Convex(lambda rows: rows.float(), 100, balance=balance).fit(model, pool, 0, 1, lambda epoch, accuracy: None)  # type: ignore[arg-type]
    moved = (plain.get_buffer("member_bias") - balanced.get_buffer("member_bias"))[:, :3]
    assert moved == pytest.approx(np.log(np.array(COUNTS[:3]) / sum(COUNTS))[None].repeat(2, 0), abs=1e-3)


def test_what_has_no_epochs_has_no_sampling(composed, complete, tmp_path):
    draws = np.random.default_rng(0)
    rows, labels = draws.normal(size=(90, 3)).astype(np.float32), np.arange(90) % 3
    np.savez(tmp_path / "f.npz", train_features=rows, train_labels=labels, test_features=rows, test_labels=labels)
    vectors = ("dataset=features", f"dataset.path={tmp_path / 'f.npz'}", "model=linear", "strategy=random")
    with pytest.raises(UserError, match=r"training.balance=sampling draws the examples of an epoch.*use weights or s"):
        complete(*vectors, "training.balance=sampling")
    complete(*vectors, "training.balance=softmax")


def test_a_neutral_balance_names_no_run_and_another_does(composed):
    plain, neutral, other = (
        identity.setting_id(_root_=composed(*overrides, hydra=True))
        for overrides in ((), ("training.balance=none",), ("training.balance=weights",))
    )
    assert plain == neutral != other


def test_logs_of_shares_are_finite_where_a_class_is_absent():
    found = log_shares(torch.tensor([0, 0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == pytest.approx([np.log(0.75), np.log(0.25)])
    assert -30 < found[1] < -20
