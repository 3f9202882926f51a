"""What two levels lose: objectives of strategy=partitioned strategy.candidates=... beside those on the whole pool.

Each draw has other clusters, another head and another labeled set. Each selection is measured on the whole pool by what
its strategy minimizes: CORESET the largest distance to a labeled or chosen example, BADGE the sum of squared distances
of gradients to chosen ones, k-means that of embeddings. The loss is how much larger it is than that of the selection
from the whole pool, in percent: the median and the worst of the draws. The pool lies in random order, or sorted by
cluster, so that each part holds other clusters.

    python -m benchmarks.parts_loss --csv benchmarks/results/parts_loss.csv
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from alrun.models.outputs import Outputs, residual_of
from alrun.selection.points import Dense, Outer, Points, nearest_sqdist
from alrun.strategies.badge import Badge
from alrun.strategies.base import Query, Strategy
from alrun.strategies.coreset import Coreset
from alrun.strategies.more.clusters import KMeansSampling
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.random import Random
from alrun.testing.made_queries import make_query

FIELDS = ("strategy", "order", "n", "size", "parts", "candidates", "median_loss", "worst_loss", "random_loss")
CLUSTERS, CLASSES, WIDTH, LABELED = 40, 10, 16, 20


def drawn(seed: int, count: int, size: int, is_sorted: bool) -> Query:
    """A query about ``count`` vectors in clusters, with a head that separates some of them."""
    draws = torch.Generator().manual_seed(seed)
    centers = 2 * torch.randn(CLUSTERS, WIDTH, generator=draws)
    cluster = torch.randint(CLUSTERS, (count,), generator=draws)
    if is_sorted:
        cluster = cluster.sort().values
    rows = centers[cluster] + torch.randn(count, WIDTH, generator=draws)
    log_probs = (rows @ (0.3 * torch.randn(WIDTH, CLASSES, generator=draws))).log_softmax(1)
    labeled = torch.randperm(count, generator=draws)[:LABELED]
    return replace(
        make_query(Random(), size),
        unlabeled=Outputs(torch.arange(count), embedding=rows, log_probs=log_probs, residual=residual_of(log_probs)),
        labeled=Outputs(labeled, embedding=rows[labeled]),
        rng=torch.Generator().manual_seed(seed),
    )


def remaining(points: Points, picks: Tensor) -> Tensor:
    """Squared distances (n,) of all points to their nearest pick."""
    return nearest_sqdist(points, points.take(picks)).double()


def widest(query: Query, picks: Tensor) -> float:
    """The largest distance of an example to a labeled or chosen one."""
    rows = torch.cat([query.labeled.embedding, query.unlabeled.embedding[picks]])
    return float(nearest_sqdist(Dense(query.unlabeled.embedding), Dense(rows)).max().sqrt())


def spread(query: Query, picks: Tensor) -> float:
    """The sum of squared distances of gradients to chosen ones."""
    gradient: Outer = query.unlabeled.gradient
    return float(remaining(gradient, picks).sum())


def inertia(query: Query, picks: Tensor) -> float:
    """The sum of squared distances of embeddings to chosen ones."""
    return float(remaining(Dense(query.unlabeled.embedding), picks).sum())


CASES: dict[str, tuple[Callable[[], Strategy], Callable[[Query, Tensor], float]]] = {
    "coreset": (Coreset, widest),
    "badge": (Badge, spread),
    "kmeans": (KMeansSampling, inertia),
}


def losses(name: str, draws: int, count: int, size: int, parts: int, candidates: float, order: str) -> list[float]:
    """By how many percent two levels miss the objective of one, by draw; ``candidates`` 0: a random selection does."""
    make, value = CASES[name]
    found = []
    for seed in range(draws):
        query = drawn(seed, count, size, order == "sorted")
        other = Partitioned(make(), parts, candidates) if candidates else Random()
        whole, apart = (
            value(query, strategy.select(replace(query, rng=torch.Generator().manual_seed(seed))))
            for strategy in (make(), other)
        )
        found.append(100 * (apart / whole - 1))
    return found


def main() -> None:
    """Print a row for each strategy, order and number of candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--pool", type=int, default=4000)
    parser.add_argument("--size", type=int, default=80)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--csv", type=Path, help="file of results, which is replaced")
    given = parser.parse_args()
    rows = []
    for name in CASES:
        for order in ("random", "sorted"):
            sizes = (name, given.draws, given.pool, given.size, given.parts)
            chance = median(losses(*sizes, 0, order))
            for candidates in (1, 2, 4, given.parts):
                found = losses(*sizes, candidates, order)
                numbers = (name, order, given.pool, given.size, given.parts, candidates)
                rows.append([*numbers, *(f"{each:.1f}" for each in (median(found), max(found), chance))])
                print(*rows[-1], flush=True)
    if given.csv:
        with given.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])


if __name__ == "__main__":
    main()
