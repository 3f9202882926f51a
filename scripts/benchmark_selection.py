"""Selection kernels against plain references: ``make bench-selection`` (or ``--quick``).

A reference does what the papers' public code does: it forms the points, and visits all of them once for every pick. It
is timed for a few picks and scaled to all of them, in the process that times the kernel, on the same points. The
floor is the arithmetic that the exact algorithm asks for, a distance of every point to every pick, at the speed of
this machine's matrix product. Peak memory is what the kernel takes above its inputs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor

from alrun.device import set_threads
from alrun.selection.k_center import k_center
from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.points import Dense, Outer, nearest_sqdist

WIDTH = 512  # of the embedding
LABELED = 1000
SIZES = [(2_000, 10, 100), (10_000, 10, 1000), (47_000, 10, 3000), (47_000, 100, 3000), (200_000, 10, 3000)]
REFERENCE_PICKS = 3
REFERENCE_BYTES = 5e9  # a larger formed matrix is not tried


class Kernel(NamedTuple):
    """What is timed: on factors, labeled points and a number of picks."""

    name: str
    run: Callable[[Outer, Outer, int], object]
    reference: Callable[[Outer, Outer, int], float]  # seconds for all picks, NaN if its matrix is too large
    numbers: Callable[[Outer], int]  # multiplied and added for the distance of two points


def main() -> None:
    """Print a row per kernel and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="the two smallest sizes")
    arguments = parser.parse_args()
    threads = set_threads(arguments.threads)
    speed = matrix_product_speed()
    print(f"{threads} threads, torch {torch.__version__}, matrix product {speed / 1e9:.0f} GFLOP/s, H = {WIDTH}")
    print("n examples of C classes, b picks; s: seconds, MB: above the inputs, ×: as fast as the reference")
    print(f"{'kernel':<12}{'n':>8}{'C':>5}{'b':>6}{'s':>9}{'MB':>7}{'floor s':>9}{'reference s':>13}{'×':>8}")
    for kernel in KERNELS:
        for n, classes, size in SIZES[:2] if arguments.quick else SIZES:
            points, labeled = gradients(n, classes), gradients(LABELED, classes)
            reset_peak()
            started, before = perf_counter(), peak_bytes()
            kernel.run(points, labeled, size)
            seconds, memory = perf_counter() - started, peak_bytes() - before
            reference = kernel.reference(points, labeled, size)
            floor = 2 * n * size * kernel.numbers(points) / speed
            print(
                f"{kernel.name:<12}{n:>8}{classes:>5}{size:>6}{seconds:>9.2f}{memory / 1e6:>7.0f}{floor:>9.2f}"
                f"{reference:>13.0f}{reference / seconds:>8.0f}",
                flush=True,
            )


def plain_badge(points: Outer, labeled: Outer, size: int) -> float:
    """The n x (C H) gradient matrix, one pass over it for every centre, and a draw from all distances."""
    n, (classes, width) = len(points), (points.a.shape[1], points.b.shape[1])
    if 4.0 * n * classes * width > REFERENCE_BYTES:
        return float("nan")
    started = perf_counter()
    matrix = (points.a[:, :, None] * points.b[:, None, :]).flatten(1)
    forming = perf_counter() - started
    centre, distance = int(points.sqnorm.argmax()), torch.full((n,), torch.inf)
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        distance = torch.minimum(distance, distances(matrix, centre))
        centre = int(torch.multinomial(distance, 1))
    return forming + (perf_counter() - started) * size / REFERENCE_PICKS


def plain_coreset(points: Outer, labeled: Outer, size: int) -> float:
    """Distances to the labeled set, then one pass over the embeddings for every pick."""
    started = perf_counter()
    distance = nearest_sqdist(Dense(points.b), Dense(labeled.b))
    start = perf_counter() - started
    started = perf_counter()
    for _ in range(REFERENCE_PICKS):
        distance = torch.minimum(distance, distances(points.b, int(distance.argmax())))
    return start + (perf_counter() - started) * size / REFERENCE_PICKS


def distances(matrix: Tensor, row: int) -> Tensor:
    """Squared distances of all rows to one, in blocks so that the differences fit."""
    return torch.cat([(part - matrix[row]).square().sum(1) for part in matrix.split(2000)])


def gradients(n: int, classes: int) -> Outer:
    """Factors of a model that is sure of most examples, with embeddings in clusters."""
    rng = torch.Generator().manual_seed(n + classes)
    centres = torch.randn(classes, WIDTH, generator=rng).abs()
    member = torch.randint(classes, (n,), generator=rng)
    embedding = (centres[member] + 0.5 * torch.randn(n, WIDTH, generator=rng)).relu()
    logits = 4 * torch.randn(n, classes, generator=rng)
    residual = logits.softmax(1)
    residual[torch.arange(n), residual.argmax(1)] -= 1
    return Outer(residual, embedding)


def matrix_product_speed() -> float:
    """Operations a second of this machine's float32 matrix product, the best of five."""
    left, right = torch.randn(2048, WIDTH), torch.randn(WIDTH, 2048)
    seconds = []
    for _ in range(5):
        started = perf_counter()
        torch.mm(left, right)
        seconds.append(perf_counter() - started)
    return 2 * 2048 * 2048 * WIDTH / min(seconds)


def reset_peak() -> None:
    """Let the system's record of this process's peak memory start anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Peak resident memory since the last reset (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("peak memory is read from /proc, which this system lacks")


KERNELS = [
    Kernel(
        "BADGE",
        lambda points, labeled, size: kmeans_plus_plus(points, size, torch.Generator().manual_seed(0)),
        plain_badge,
        lambda points: points.a.shape[1] + WIDTH,
    ),
    Kernel(
        "CORESET",
        lambda points, labeled, size: k_center(Dense(points.b), Dense(labeled.b), size),
        plain_coreset,
        lambda points: WIDTH,
    ),
]


if __name__ == "__main__":
    main()
