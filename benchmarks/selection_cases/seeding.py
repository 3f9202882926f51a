"""Cases of BADGE's k-means++ and CORESET's k-center. The references time a few picks and scale them to all."""

from time import perf_counter

import torch
from torch import Tensor

from alrun.selection.k_center import k_center
from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.points import Dense, Outer, nearest_sqdist
from benchmarks.selection_cases.case import LABELED, WIDTH, Case, Job, gradients

SIZES = [
    (n, classes, size)
    for n in (2_000, 10_000, 47_000, 200_000)
    for classes in (10, 100)
    for size in (100, 1000, 3000)
    if size < n
]
REFERENCE_PICKS = 3
REFERENCE_BYTES = 5e9  # a larger formed matrix is not tried


def badge(case: Case) -> Job:
    """k-means++ on gradient factors."""
    points = gradients(case.n, case.classes)
    formed = 4.0 * case.n * case.classes * WIDTH
    return Job(
        run=lambda: kmeans_plus_plus(points, case.size, torch.Generator().manual_seed(0)),
        reference=(lambda: plain_badge(points, case.size)) if formed <= REFERENCE_BYTES else None,
        flops=2.0 * case.n * case.size * (case.classes + WIDTH),
        bytes=4.0 * case.n * (case.classes + WIDTH),
    )


def coreset(case: Case) -> Job:
    """k-center from a labeled set."""
    points, labeled = gradients(case.n, case.classes).b, gradients(LABELED, case.classes).b
    return Job(
        run=lambda: k_center(Dense(points), Dense(labeled), case.size),
        reference=lambda: plain_coreset(points, labeled, case.size),
        flops=2.0 * case.n * (case.size + LABELED) * WIDTH,
        bytes=4.0 * case.n * WIDTH,
    )


def plain_badge(points: Outer, size: int) -> float:
    """The n x (C H) gradient matrix, one pass over it for every center, and a draw from all distances."""
    started = perf_counter()
    matrix = (points.a[:, :, None] * points.b[:, None, :]).flatten(1)
    forming = perf_counter() - started
    center, distance = int(points.sqnorm.argmax()), torch.full((len(matrix),), torch.inf)
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        distance = torch.minimum(distance, distances(matrix, center))
        center = int(torch.multinomial(distance, 1))
    return forming + (perf_counter() - started) * size / REFERENCE_PICKS


def plain_coreset(points: Tensor, labeled: Tensor, size: int) -> float:
    """Distances to the labeled set, then one pass over the embeddings for every pick."""
    started = perf_counter()
    distance = nearest_sqdist(Dense(points), Dense(labeled))
    start = perf_counter() - started
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        distance = torch.minimum(distance, distances(points, int(distance.argmax())))
    return start + (perf_counter() - started) * size / REFERENCE_PICKS


def distances(matrix: Tensor, row: int) -> Tensor:
    """Squared distances of all rows to one, in blocks so that the differences fit."""
    return torch.cat([(part - matrix[row]).square().sum(1) for part in matrix.split(2000)])


CASES = [
    Case(name, n, classes, size, prepare)
    for name, prepare in (("BADGE", badge), ("CORESET", coreset))
    for n, classes, size in SIZES
]
