"""BADGE's selection on factors against its plain form: ``python scripts/benchmark_badge.py``.

The plain form makes the n x (C*H) matrix of gradients, as the paper's toolkit does, and runs the same k-means++ on
it; both are timed in this process and must choose the same examples. The floor is one read of the points per centre.
"""

import argparse
from time import perf_counter

import torch

from alrun.device import set_threads
from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.points import Dense, Outer


def main() -> None:
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = set_threads(parser.parse_args().threads)
    print(f"{threads} threads, torch {torch.__version__}; n examples, C classes, H = 512, b chosen")
    print(
        f"{'n':>7}{'C':>5}{'b':>6}{'plain s':>10}{'factors s':>11}{'ratio':>7}{'floor s':>9}{'plain GB':>10}{'GB':>7}"
    )
    copy_rate = bandwidth()
    for n, classes, size in ((5_000, 10, 200), (20_000, 10, 500), (20_000, 100, 100)):
        points = gradients(n, classes, 512)
        started = perf_counter()
        fast = kmeans_plus_plus(points, size, torch.Generator().manual_seed(0))
        factors = perf_counter() - started
        started = perf_counter()
        formed = (points.a[:, :, None] * points.b[:, None, :]).flatten(1)
        slow = kmeans_plus_plus(Dense(formed), size, torch.Generator().manual_seed(0))
        plain = perf_counter() - started
        same = (fast == slow).double().mean().item()
        floor = size * n * (classes + 512) * 4 / copy_rate
        print(
            f"{n:>7}{classes:>5}{size:>6}{plain:>10.2f}{factors:>11.2f}{plain / factors:>7.1f}{floor:>9.2f}"
            f"{formed.nbytes / 1e9:>10.2f}{(points.a.nbytes + points.b.nbytes) / 1e9:>7.2f}   {same:.0%} same picks"
        )


def gradients(n: int, classes: int, width: int) -> Outer:
    """Factors of a model that is sure of most examples, with embeddings in clusters."""
    rng = torch.Generator().manual_seed(n + classes)
    centres = torch.randn(classes, width, generator=rng).abs()
    member = torch.randint(classes, (n,), generator=rng)
    embedding = (centres[member] + 0.5 * torch.randn(n, width, generator=rng)).relu()
    logits = 4 * torch.randn(n, classes, generator=rng)
    residual = logits.softmax(1)
    residual[torch.arange(n), residual.argmax(1)] -= 1
    return Outer(residual, embedding)


def bandwidth() -> float:
    """Bytes a second that a sum over a large array reads."""
    data = torch.ones(2**26)
    data.sum()
    started = perf_counter()
    for _ in range(4):
        data.sum()
    return 4 * data.nbytes / (perf_counter() - started)


if __name__ == "__main__":
    main()
