"""Queries about a small made-up pool and an untrained network, to test a strategy."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from alrun.data.augmentation import NoAugmentation, Normalize
from alrun.models import SmallCnn
from alrun.models.outputs import Outputs
from alrun.pool.pool import Pool
from alrun.strategies.base import Strategy, strategies_within
from alrun.strategies.query import Query, build_query
from alrun.strategies.random import Random
from alrun.system.device import Stopwatch
from alrun.training.evaluation import evaluate
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule, TrainResult
from alrun.training.subsets.base import NoSubset
from alrun.training.trainer import Trainer

NORMALIZE = Normalize([0.5], [0.3], torch.device("cpu"))
CLASSES = 5


def noise(n: int) -> Tensor:
    """Images (n, 1, 8, 8), all different."""
    return torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def identical_images(n: int) -> Tensor:
    """Images (n, 1, 8, 8), all the same."""
    return torch.full((n, 1, 8, 8), 7, dtype=torch.uint8)


def images_in_fives(n: int) -> Tensor:
    """Images (n, 1, 8, 8), each of them five times."""
    return noise(-(-n // 5)).repeat_interleave(5, 0)[:n]


def random_labels(n: int) -> Tensor:
    """Random labels (n,)."""
    return torch.randint(CLASSES, (n,), generator=torch.Generator().manual_seed(4))


def single_class_labels(n: int) -> Tensor:
    """Labels (n,) of class 0."""
    return torch.zeros(n, dtype=torch.int64)


def make_query(
    strategy: Strategy,
    size: int = 20,
    n: int = 120,
    seed: int = 0,
    labeled: int = 10,
    images: Callable[[int], Tensor] = noise,
    labels: Callable[[int], Tensor] = random_labels,
    chunk: int = 32,
) -> Query:
    """A query of ``size`` among ``n - labeled`` unlabeled examples, with the outputs that ``strategy`` needs.

    Every third example is labeled, from the first on; if the pool is too small for that, the first ones are.
    """
    pool = Pool(images(n), labels(n))
    step = 3 if 3 * labeled - 2 <= n else 1
    pool.label(torch.arange(0, step * labeled, step))
    return query_of(strategy, pool, make_model(pool.images), size, seed, chunk)


def query_about(outputs: Outputs, size: int = 1) -> Query:
    """A query of ``size`` among examples whose ``outputs`` are given, such as made-up probabilities."""
    return replace(make_query(Random(), size), unlabeled=outputs)


def make_model(images: Tensor, embedding: int = 8) -> SmallCnn:
    """An untrained network that predicts all classes for ``images``, some for sure."""
    torch.manual_seed(8)
    model = SmallCnn(1, (8, 8), CLASSES, width=4, embedding=embedding, dropout=0.4)
    model(NORMALIZE(images))  # gives batch norm its statistics
    with torch.no_grad():
        model.head.weight.mul_(10)
        model.head.bias.sub_(model.head(model.eval().embed(NORMALIZE(images))).mean(0))
    return model.train()


def query_of(strategy: Strategy, pool: Pool, model: SmallCnn, size: int, seed: int = 0, chunk: int = 32) -> Query:
    """The query that a run hands to ``strategy``, except that ``query.rng`` depends on ``seed`` only, for tests."""
    trained = TrainResult(1.0, 1, 1, "accuracy", 0.0)
    stopwatch = Stopwatch(torch.device("cpu"))
    query = build_query(
        strategy.needs,
        size,
        pool,
        model,
        trained,
        make_trainer(chunk),
        lambda: renew_weights(model),
        seed,
        0,
        stopwatch,
    )
    query = replace(query, rng=torch.Generator().manual_seed(seed))
    if not any(each.is_oracle for each in strategies_within(strategy)):
        return query

    def accuracy_with(index: Tensor) -> float:  # tested on the pool itself
        fitted = query.fit(torch.cat([pool.labeled, index]))
        return evaluate(fitted, pool.images, pool.truth, NORMALIZE, chunk, CLASSES).accuracy

    return replace(query, accuracy_with=accuracy_with)


def make_trainer(chunk: int) -> Trainer:
    """A trainer of three epochs of plain gradient descent."""
    optimization = Optimization(partial(torch.optim.SGD, lr=0.05), None, None)
    return Trainer(optimization, NoAugmentation(), NORMALIZE, NoSubset(), StopRule(3, None, None, 0.0), 64, chunk)


def renew_weights(model: SmallCnn) -> SmallCnn:
    """A copy of ``model`` with new weights."""
    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(reset := getattr(module, "reset_parameters", None), Callable):
            reset()
    return other
