"""Queries about a small pool and an untrained network, for the tests of strategies."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun import infer, rng
from alrun.augment import Normalize
from alrun.device import Stopwatch
from alrun.models import SmallCnn
from alrun.pool import Pool
from alrun.strategies import Query, Strategy
from alrun.train import TrainResult

NORMALIZE = Normalize([0.5], [0.3], torch.device("cpu"))
CLASSES = 5


def names(strategy: Strategy) -> str:
    return type(strategy).__name__ + (" with dropout" if strategy.needs.dropout_samples else "")


def noise(n: int) -> Tensor:
    return torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def make_query(
    strategy: Strategy,
    size: int = 20,
    n: int = 120,
    seed: int = 0,
    labeled: int = 10,
    images: Callable[[int], Tensor] = noise,
) -> Query:
    """A query of ``size`` among ``n - labeled`` unlabeled examples, with the outputs that ``strategy`` needs."""
    torch.manual_seed(8)
    model = SmallCnn(1, (8, 8), CLASSES, width=4, embedding=8, dropout=0.4)
    model(NORMALIZE(images(n)))  # batch norm has seen something
    with torch.no_grad():
        model.head.weight.mul_(10)  # all classes are predicted, some for sure
        model.head.bias.sub_(model.head(model.eval().embed(NORMALIZE(images(n)))).mean(0))
    model.train()
    pool = Pool(images(n), torch.randint(CLASSES, (n,), generator=torch.Generator().manual_seed(4)))
    pool.label(torch.arange(0, 3 * labeled, 3))
    rng.seed_globals(seed, "select", 0)
    outputs = [
        infer.record(model, pool.images, index, strategy.needs, NORMALIZE, chunk=32)
        for index in (pool.unlabeled, pool.labeled)
    ]
    trained = TrainResult(1.0, 1, 1, "accuracy", 0.0)
    draws, stopwatch = torch.Generator().manual_seed(seed), Stopwatch(torch.device("cpu"))
    return Query(size, *outputs, draws, pool, model, trained, NORMALIZE, 32, stopwatch)
