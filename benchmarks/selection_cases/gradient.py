"""Cases of GLISTER's greedy choice and GRAD-MATCH's matching pursuit.

A reference forms the n x (C H) gradient matrix and visits all of it for every pick. GLISTER's also forms the gradients
of the validation examples each time. The pursuit's also multiplies all chosen rows with one another and solves for
all weights by least squares. A few picks are timed, halfway for the pursuit, and scaled to all of them.
"""

from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.selection.glister import Validation, glister
from alrun.selection.linear import weighted_sum
from alrun.selection.matching_pursuit import matching_pursuit
from alrun.selection.points import Outer
from benchmarks.selection_cases.case import LABELED, WIDTH, Case, Job, gradients

GLISTER_SIZES = [(2_000, 10, 100), (10_000, 10, 1000), (47_000, 10, 3000)]
PURSUIT_SIZES = [(2_500, 10, 750), (15_000, 10, 4500)]
LR = 0.01
LAM = 0.5
REFERENCE_PICKS = 3


def labeled(classes: int) -> Validation:
    """Examples that the model gets right, with embeddings and confidences like those of the pool."""
    points = gradients(LABELED, classes)
    labels = points.a.argmin(1)
    probs = points.a + F.one_hot(labels, classes)
    return Validation(probs.clamp_min(1e-12).log(), points.b, labels)


def look_ahead(refresh: int):
    """Prepare GLISTER with ``refresh`` picks between two updates."""

    def prepare(case: Case) -> Job:
        points, validation = gradients(case.n, case.classes), labeled(case.classes)
        updates = case.size / refresh
        read = case.n + LABELED
        return Job(
            run=lambda: glister(points, [validation], case.size, LR, refresh),
            reference=(lambda: plain_glister(points, validation, case.size)) if refresh == 1 else None,
            flops=updates * 2.0 * WIDTH * (case.n * case.classes + LABELED * (case.classes + refresh)),
            bytes=updates * 4.0 * read * (WIDTH + case.classes),
        )

    return prepare


def pursuit(case: Case) -> Job:
    """Matching of the summed gradient; a pass over the points for every pick, and the products of the chosen."""
    points = gradients(case.n, case.classes)
    target = weighted_sum(points, torch.ones(case.n, device=points.a.device))
    return Job(
        run=lambda: matching_pursuit(points, target, case.size, LAM),
        reference=lambda: plain_pursuit(points, target, case.size),
        flops=2.0 * case.size * (case.n * case.classes * WIDTH + case.size * (WIDTH + case.size / 3)),
        bytes=4.0 * case.size * case.n * (case.classes + WIDTH) + 8.0 * case.size**3 / 3,
    )


def formed(points: Outer) -> Tensor:
    """The gradient matrix: (n, C H)."""
    return (points.a[:, :, None] * points.b[:, None, :]).flatten(1)


def plain_glister(points: Outer, validation: Validation, size: int) -> float:
    """A product of the gradient matrix with the mean of the formed validation gradients for every pick."""
    started = perf_counter()
    matrix = formed(points)
    forming = perf_counter() - started
    logits, classes = validation.logits.clone(), validation.logits.shape[1]
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        residual = logits.softmax(1) - F.one_hot(validation.labels, classes)
        best = matrix[int((matrix @ formed(Outer(residual, validation.embedding)).mean(0)).argmax())]
        logits -= LR * validation.embedding @ best.view(classes, -1).T
    return forming + (perf_counter() - started) * size / REFERENCE_PICKS


def plain_pursuit(points: Outer, target: Tensor, size: int) -> float:
    """Picks with half of ``size`` chosen: their products and weights from scratch, then all gains."""
    started = perf_counter()
    matrix, target = formed(points), target.flatten()
    forming = perf_counter() - started
    chosen = list(range(size // 2))
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        rows = matrix[chosen]
        products = rows @ rows.T + LAM * torch.eye(len(chosen))
        weight = torch.linalg.lstsq(products, rows @ target, driver="gelsd").solution
        gains = matrix @ (target - weight @ rows)
        gains[chosen] = -torch.inf
        chosen.append(int(gains.argmax()))
    return forming + (perf_counter() - started) * size / REFERENCE_PICKS


CASES = [
    Case(name, n, classes, size, prepare)
    for name, prepare, sizes in (
        ("GLISTER", look_ahead(1), GLISTER_SIZES),
        ("GLISTER refresh=30", look_ahead(30), GLISTER_SIZES),
        ("matching pursuit", pursuit, PURSUIT_SIZES),
    )
    for n, classes, size in sizes
]
