"""Cases of facility location and other set functions.

The reference forms all similarities and tries every candidate for every pick; three picks are timed and scaled to all.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.selection.disparity import disparity_sum
from alrun.selection.greedy import maximize
from alrun.selection.k_center import k_center
from alrun.selection.neighbor_facility_location import neighbor_facility_location
from alrun.selection.points import Dense
from alrun.selection.set_functions import FacilityLocation, FeatureBased, GraphCut, LogDeterminant
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.fass import Fass
from alrun.strategies.more.targeted import ConditionalGain, ConditionalMutualInformation, MutualInformation, Targeted
from benchmarks.selection_cases.case import WIDTH, Case, Job, gradients, query, seconds

MEMORY = 2e9  # bytes
NEIGHBORS = 128
REFERENCE_PICKS = 3
LARGEST_REFERENCE = 15_000


def rows(case: Case) -> Dense:
    """Embeddings at length 1."""
    return Dense(gradients(case.n, case.classes).b).normalized()


def similarity(points: Dense) -> Similarity:
    """Similarities of all to all."""
    return Similarity(points, points, cosine, MEMORY)


def dense(case: Case) -> Job:
    """Facility location with all similarities; they are symmetric, so half of them are computed."""
    points = rows(case)
    return Job(
        run=lambda: maximize(FacilityLocation(similarity(points)), case.size),
        reference=lambda: plain(points.x, case.size),
        flops=1.0 * case.n * case.n * WIDTH,
        bytes=4.0 * case.n * case.n,
    )


def neighbors(case: Case) -> Job:
    """Facility location with 128 similarities for each example."""
    points = rows(case)
    return Job(
        run=lambda: neighbor_facility_location(Similarity(points, points, cosine, memory=0), NEIGHBORS, case.size),
        reference=(lambda: plain(points.x, case.size)) if case.n <= LARGEST_REFERENCE else None,
        flops=1.0 * case.n * case.n * WIDTH,
        bytes=4.0 * case.n * WIDTH,
    )


def graph_cut(case: Case) -> Job:
    """Sums of similarities, and a row of them for every pick."""
    points = rows(case)
    return Job(
        run=lambda: maximize(GraphCut(similarity(points)), case.size),
        flops=2.0 * case.n * (case.n + case.size) * WIDTH,
        bytes=4.0 * case.n * WIDTH,
    )


def log_determinant(case: Case) -> Job:
    """A growing Cholesky factor."""
    points = rows(case)
    return Job(
        run=lambda: maximize(LogDeterminant(similarity(points)), case.size),
        flops=1.0 * case.n * case.size**2,
        bytes=2.0 * case.n * case.size**2,
    )


def feature_based(case: Case) -> Job:
    """A pass over features, and the gains that lazy choice computes again."""
    points = rows(case)
    return Job(run=lambda: maximize(FeatureBased(points.x.clamp_min(0)), case.size), bytes=4.0 * case.n * WIDTH)


def disparity(case: Case) -> Job:
    """A pass over the points for every pick."""
    points = rows(case)
    return Job(run=lambda: disparity_sum(points, case.size), bytes=4.0 * case.n * WIDTH * case.size)


def disparity_min(case: Case) -> Job:
    """Distances to the picks."""
    points = rows(case)
    return Job(
        run=lambda: k_center(points, points.take(points.sqnorm.argmin()[None]), case.size),
        flops=2.0 * case.n * case.size * WIDTH,
        bytes=4.0 * case.n * WIDTH,
    )


def targeted(strategy: Targeted, pairs: bool):
    """Prepare similarities of gradients to the query or private set, and with ``pairs`` half of those in the pool."""

    def prepare(case: Case) -> Job:
        asked = query(case)
        compared = case.n / 2 * pairs + len(asked.labeled)
        return Job(
            run=lambda: strategy.select(asked),
            flops=2.0 * case.n * compared * (WIDTH + case.classes),
            bytes=4.0 * case.n * (WIDTH + case.classes),
        )

    return prepare


def fass(case: Case) -> Job:
    """Facility location among five times the budget."""
    asked = query(case)
    count = 5 * case.size
    return Job(
        run=lambda: Fass().select(asked),
        reference=lambda: plain(F.normalize(asked.unlabeled.embedding[:count]), case.size),
        flops=1.0 * count * count * WIDTH,
        bytes=4.0 * count * count,
    )


def plain(x: Tensor, size: int) -> float:
    """All similarities, and the gain of every candidate for every pick."""
    held: list[Tensor] = []
    start = seconds(lambda: held.append((x @ x.T).add_(1).div_(2)))
    covered = torch.zeros(len(x))

    def pick() -> None:
        gains = torch.cat([(part - covered).clamp_min(0).sum(1) for part in held[0].split(500)])
        covered.copy_(torch.maximum(covered, held[0][int(gains.argmax())]))

    return start + seconds(lambda: [pick() for _ in range(REFERENCE_PICKS)], size / REFERENCE_PICKS)


CASES = [
    *(Case("facility location", n, 10, size, dense) for n, size in ((2_000, 100), (10_000, 1000), (15_000, 3000))),
    *(Case("  128 neighbors", n, 10, size, neighbors) for n, size in ((15_000, 3000), (50_000, 1000))),
    *(Case("FASS", n, 10, size, fass) for n, size in ((10_000, 1000), (47_000, 3000))),
    *(
        Case(name, n, 10, size, prepare)
        for name, prepare in (
            ("graph cut", graph_cut),
            ("log determinant", log_determinant),
            ("feature based", feature_based),
            ("disparity min", disparity_min),
            ("disparity sum", disparity),
            ("mutual information", targeted(MutualInformation(), pairs=False)),
            ("conditional gain", targeted(ConditionalGain(), pairs=True)),
            ("conditional mutual inf.", targeted(ConditionalMutualInformation(), pairs=True)),
        )
        for n, size in ((2_000, 100), (10_000, 1000))
    ),
]
