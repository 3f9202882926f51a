"""The detector of strangers against scikit-learn, its mixtures against EM written out, and what both are for."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from alrun.data.augmentation import Cast, NoAugmentation
from alrun.data.dataset import STRANGER
from alrun.models import Linear, Mlp
from alrun.pool.pool import Pool
from alrun.strategies.detector import train_detector
from alrun.strategies.more.lfosa import LfOsa, activations, known
from alrun.strategies.query import build_query
from alrun.system.device import Stopwatch
from alrun.training.convex import Convex
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule, TrainResult
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer

CPU = torch.device("cpu")
WIDTH = 6


def opened_pool(labeled: int = 60) -> Pool:
    """Three known classes and two unknown ones, in five clouds; every third example is a stranger."""
    numbers = np.random.default_rng(0)
    kinds = numbers.permutation(np.arange(300) % 5)
    centers = 4 * np.eye(5, WIDTH)
    vectors = (centers[kinds] + numbers.normal(size=(300, WIDTH))).astype(np.float32)
    labels = np.where(kinds < 3, kinds, STRANGER)
    pool = Pool(torch.from_numpy(vectors), torch.from_numpy(labels))
    pool.label(torch.arange(labeled))
    return pool


def query_of(pool: Pool, trainer, fresh, size: int = 40):
    torch.manual_seed(0)
    model = fresh()
    trainer.fit(model, pool, 0, 0, lambda epoch, accuracy: None, fresh)
    trained = TrainResult(1.0, 1, 1, "optimum", 0.0)
    return build_query(LfOsa().needs, size, pool, model, trained, trainer, fresh, 0, 0, Stopwatch(CPU))


def linear() -> Linear:
    return Linear(WIDTH, 3, ensemble=2)


def epochs() -> Trainer:
    settings = Optimization(partial(torch.optim.SGD, lr=0.05), None, None)
    return Trainer(settings, NoAugmentation(), Cast(CPU), NoSubset(), StopRule(20, None, None, 0.0), 16, 64)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_detector_is_logistic_regression_on_known_ones_and_strangers_at_a_temperature(temperature):
    pool = opened_pool()
    query = query_of(pool, Convex(Cast(CPU), 64, C=0.7), linear)
    highest, predicted = activations(query.detector(temperature), query)
    x, rows = pool.images.double().numpy(), pool.queried.numpy()
    classes = np.where(pool.labels[rows] < 0, 3, pool.labels[rows])
    # W x / T with a penalty on W is the same as W x on features over T
    reference = LogisticRegression(C=0.7, tol=1e-10, max_iter=10_000).fit(x[rows] / temperature, classes)
    outputs = x[pool.unlabeled] @ reference.coef_.T + reference.intercept_ * temperature
    assert (predicted == outputs.argmax(1)).all()
    outputs -= outputs.mean(1, keepdims=True)  # biases are free up to a constant
    found = query.detector(temperature)
    raw = (
        (torch.from_numpy(x) @ found.head.weight.double().T + found.head.bias.double())[pool.unlabeled].detach().numpy()
    )
    np.testing.assert_allclose(raw - raw.mean(1, keepdims=True), outputs, atol=1e-3)
    np.testing.assert_allclose(highest, raw.max(1), atol=1e-5)
    assert found.ensemble == 0


def test_a_temperature_divides_the_outputs_in_training_alone():
    pool = opened_pool()
    fresh = lambda: Mlp(WIDTH, 3, width=8)  # noqa: E731
    query = query_of(pool, epochs(), fresh)
    detector = query.detector(0.5)
    x = pool.images[:5]
    layer = detector.head
    embedding = detector.eval().embed(x)
    raw = embedding @ layer.weight.T + layer.bias
    assert torch.allclose(detector(x), raw)
    assert torch.allclose(layer.train()(embedding), 2 * raw)
    assert query.model.head.out_features == 3


def test_the_detector_depends_on_what_was_queried_and_on_nothing_else():
    pool = opened_pool()
    first = query_of(pool, epochs(), partial(Mlp, WIDTH, 3, 8)).detector(0.5).state_dict()
    pool.images[pool.unlabeled] = 0
    pool.labels[pool.unlabeled] = 1
    query = query_of(pool, epochs(), partial(Mlp, WIDTH, 3, 8))
    state = torch.random.get_rng_state()
    second = query.detector(0.5).state_dict()
    assert torch.random.get_rng_state().equal(state)
    assert all(value.equal(second[name]) for name, value in first.items())
    others = replace(pool, strangers=pool.strangers[:3])
    third = train_detector(query.model, partial(Mlp, WIDTH, 3, 8), epochs(), others, 0.5, 0, 0).state_dict()
    assert not third["head.weight"].equal(first["head.weight"])


def normal(values, mean, variance):
    return np.exp(-((values - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def mixed_by_hand(values: np.ndarray, seed: int) -> np.ndarray:
    """EM for two Gaussians in one dimension from the clusters of k-means, ten steps or until 0.01 of likelihood."""
    start = KMeans(2, n_init=1, random_state=np.random.RandomState(seed)).fit(values[:, None]).labels_
    shares = np.eye(2)[start]
    before = -np.inf
    for step in range(11):
        weight = shares.sum(0) + 10 * np.finfo(float).eps
        mean = (shares * values[:, None]).sum(0) / weight
        variance = (shares * (values[:, None] - mean) ** 2).sum(0) / weight + 5e-4
        if step == 10:
            break
        odds = weight / len(values) * normal(values[:, None], mean, variance)
        shares = odds / odds.sum(1, keepdims=True)
        likelihood = np.log(odds.sum(1)).mean()
        if abs(likelihood - before) < 1e-2:
            weight = shares.sum(0) + 10 * np.finfo(float).eps
            mean = (shares * values[:, None]).sum(0) / weight
            variance = (shares * (values[:, None] - mean) ** 2).sum(0) / weight + 5e-4
            break
        before = likelihood
    odds = weight / len(values) * normal(values[:, None], mean, variance)
    return (odds / odds.sum(1, keepdims=True))[:, mean.argmax()]


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_the_posterior_of_the_higher_gaussian_of_each_class(seed):
    numbers = np.random.default_rng(seed)
    predicted = numbers.integers(0, 4, 400)
    low = numbers.random(400) < 0.4
    highest = np.where(low, numbers.normal(2, 1, 400), numbers.normal(6, 0.7, 400)) + predicted
    scores = known(highest, predicted, 3, seed)
    assert (scores[predicted == 3] == 0).all()  # the output of strangers
    for label in range(3):
        members = predicted == label
        np.testing.assert_allclose(scores[members], mixed_by_hand(highest[members], seed), atol=1e-6)


@pytest.mark.parametrize("trainer", [Convex(Cast(CPU), 64), epochs()], ids=["convex", "epochs"])
def test_known_classes_are_found_among_strangers(trainer):
    pool = opened_pool()
    fresh = linear if isinstance(trainer, Convex) else partial(Mlp, WIDTH, 3, 8)
    query = query_of(pool, trainer, fresh)
    chosen = pool.unlabeled[LfOsa().select(query)]
    assert float((pool.labels[chosen] >= 0).double().mean()) > 0.95  # of 0.6 in the pool


def test_before_the_first_stranger_and_with_one_predicted_class_there_is_still_a_score_for_each():
    pool = opened_pool(0)
    pool.label((pool.labels >= 0).nonzero().flatten()[:30])
    query = query_of(pool, Convex(Cast(CPU), 64), linear)
    scores = LfOsa().checked_scores(query)
    assert 0 <= float(scores.min()) <= float(scores.max()) <= 1
    pool = opened_pool(0)
    pool.label((pool.labels == 1).nonzero().flatten()[:5])
    query = query_of(pool, Convex(Cast(CPU), 64), linear)
    assert LfOsa().checked_scores(query).isfinite().all()
    assert known(np.array([1.0, 2.0, 2.0]), np.array([0, 1, 1]), 2, 0)[0] == 0  # alone in its class


def test_what_is_drawn_for_mixtures_comes_from_the_query():
    pool = opened_pool()
    query = query_of(pool, Convex(Cast(CPU), 64), linear)
    first = LfOsa().select(replace(query, rng=torch.Generator().manual_seed(3)))
    np.random.seed(1)
    assert first.equal(LfOsa().select(replace(query, rng=torch.Generator().manual_seed(3))))
