"""What comparing near examples only costs: objectives at 50,000 examples, exact and with strategy.nearby.

Each selection is measured by the exact objective: MaxHerding's and facility location's sums of similarities, those of
uncertainty herding with the margins of a linear head as weights, ProbCover's share of covered examples, the squared
distances of k-means, and of the clusters of TypiClust and Cluster-Margin. A random selection stands beside them.

    python -m benchmarks.nearby_loss --features train_features.npy --labels train_labels.npy   (none: made-up clusters)
"""

import argparse
import math
from collections.abc import Callable
from functools import cache
from time import process_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.selection.coverage import ball_cover, nearby_ball_cover
from alrun.selection.kmeans import Clusters
from alrun.selection.nearby_kmeans import nearby_kmeans
from alrun.selection.neighbor_facility_location import nearby_facility_location
from alrun.selection.points import Dense, nearest_sqdist
from alrun.strategies.embeddings import FromClassifier
from alrun.strategies.more.cluster_margin import ClusterMargin
from alrun.strategies.more.herding import MaxHerding, smallest_distance
from alrun.strategies.more.submodular import Submodular
from alrun.strategies.nearby import DEFAULT
from alrun.strategies.uncertainty import margin
from alrun.training import logistic

CLUSTERED = ("kmeans", "typiclust", "cluster_margin")  # their objective is to be small
CASES = ("max_herding", "uncertainty_herding", "probcover", "facility_location", *CLUSTERED)
Case = tuple[Callable[[int | None], Any], Callable[[Any], float]]  # a selection, and its objective
BANDWIDTH = 1.0
C = 10.0  # of the head that is uncertain


def examples(path: str | None, classes: str | None, count: int, width: int) -> tuple[Tensor, Tensor | None]:
    """Rows (count, width) of length 1, and their classes: the first principal components of a file's, or clusters."""
    draws = torch.Generator().manual_seed(0)
    if path is None:
        centers = torch.randn(100, width, generator=draws)
        labels = torch.randint(100, (count,), generator=draws)
        return F.normalize(centers[labels] + torch.randn(count, width, generator=draws)), labels
    rows = torch.from_numpy(np.load(path).astype("float32"))
    some = torch.randperm(len(rows), generator=draws)[:count]
    rows, labels = rows[some], None if classes is None else torch.from_numpy(np.load(classes).astype("int64"))[some]
    rows -= rows.mean(0)
    _, axes = torch.linalg.eigh(rows.T @ rows / len(rows))  # ascending
    return F.normalize(rows @ axes[:, -width:]), labels


def seeded() -> torch.Generator:
    """The random numbers of a selection."""
    return torch.Generator().manual_seed(0)


def main() -> None:
    """Print a row for each objective and each way to reach it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", help="a .npy of one row an example")
    parser.add_argument("--labels", help="a .npy of their classes, for uncertainty_herding")
    parser.add_argument("--pool", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--labeled", type=int, default=1000)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--cases", nargs="*", default=CASES)
    parser.add_argument("--nearby", type=int, nargs="*", default=(DEFAULT, 4 * DEFAULT))
    given = parser.parse_args()
    x, classes = examples(given.features, given.labels, given.pool, given.width)
    labeled, unlabeled, size = x[: given.labeled], x[given.labeled :], given.size
    random = torch.randperm(len(unlabeled), generator=seeded())[:size]
    nothing = labeled[:0]
    herding = MaxHerding(FromClassifier(), BANDWIDTH)
    apart = float(smallest_distance(Dense(labeled)))  # the bandwidth of uncertainty herding
    # Halfway between a distance at which nearly nothing is covered and one at which everything is.
    radius = (
        float(nearest_sqdist(Dense(unlabeled), Dense(torch.cat([labeled, unlabeled[random]]))).median().sqrt()) * 0.9
    )

    def distances(picks: Tensor, known: Tensor) -> Tensor:
        return nearest_sqdist(Dense(unlabeled), Dense(torch.cat([known, unlabeled[picks]])))

    def herd(nearby: int | None) -> Tensor:
        herding.nearby = nearby or "all"
        return herding.cover(unlabeled, labeled, BANDWIDTH, None, size)

    def herd_uncertain(nearby: int | None) -> Tensor:
        herding.nearby = nearby or "all"
        return herding.cover(unlabeled, labeled, apart, margins(), size)

    @cache
    def margins() -> Tensor:
        if classes is None:
            parser.error("uncertainty_herding needs --labels beside --features")
        head = logistic.fit(labeled, classes[: given.labeled], int(classes.max()) + 1, C)
        return margin(head.logits(unlabeled).log_softmax(1).float())

    def covered(picks: Tensor, bandwidth: float) -> Tensor:
        return (-distances(picks, labeled) / bandwidth**2).exp().double()

    def locate(nearby: int | None) -> Tensor:
        if nearby is None:
            return Submodular(nearby="all").maximize(Dense(unlabeled), size, seeded())
        return nearby_facility_location(Dense(unlabeled), nearby, size)

    def balls(nearby: int | None) -> Tensor:
        points, known = Dense(unlabeled), Dense(labeled)
        if nearby is None:
            return ball_cover(points, known, radius, size, seeded())
        return nearby_ball_cover(points, known, radius, size, seeded(), nearby)

    def clusters(rows: Tensor, count: int, iterations: int = 50) -> Case:
        some = torch.randperm(len(rows), generator=seeded())[:count]

        def inertia(found: Clusters | Tensor) -> float:
            centers = found.centers if isinstance(found, Clusters) else rows[some]
            return float(nearest_sqdist(Dense(rows), Dense(centers)).double().sum())

        return lambda nearby: nearby_kmeans(rows, count, seeded(), nearby, iterations=iterations), inertia

    cases: dict[str, Case] = {
        "max_herding": (herd, lambda picks: float(covered(picks, BANDWIDTH).sum())),
        "uncertainty_herding": (herd_uncertain, lambda picks: float((margins() * covered(picks, apart)).sum())),
        "probcover": (balls, lambda picks: float((distances(picks, labeled) < radius**2).double().mean())),
        "facility_location": (locate, lambda picks: float((1 - distances(picks, nothing) / 4).double().sum())),
        "kmeans": clusters(unlabeled, size),
        "typiclust": clusters(x, given.labeled + size),
        "cluster_margin": clusters(unlabeled, min(ClusterMargin().max_points, len(unlabeled) // 2), iterations=5),
    }
    print(f"{'objective':18s} {'nearby':>8s} {'value':>12s} {'loss (%)':>9s} {'CPU (s)':>8s}", flush=True)
    for name in given.cases:
        choose, value = cases[name]
        exact = math.nan
        for nearby in (None, *given.nearby):
            started = process_time()
            found = choose(nearby)
            seconds, reached = process_time() - started, value(found)
            exact = reached if nearby is None else exact
            show(name, "all" if nearby is None else str(nearby), reached, exact, f"{seconds:.0f}")
        show(name, "random", value(random), exact, "")


def show(name: str, way: str, value: float, exact: float, seconds: str) -> None:
    """Print a row; clusters lose where their value grows, the others where it falls."""
    loss = 100 * (value - exact) / exact * (1 if name in CLUSTERED else -1)
    print(f"{name:18s} {way:>8s} {value:12.5g} {loss:9.2f} {seconds:>8s}", flush=True)


if __name__ == "__main__":
    main()
