"""What MaxHerding loses on a sample of the pool: the objective of all examples that its selection reaches.

Written to ``--csv`` for the page of ``make bench-scale``: the vectors of scale_pool.py, the same labels for all, and
for each way the objective above what the labels cover, as a share of what MaxHerding among all reaches: median and
worst of the draws.
"""

import argparse
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.selection.points import Dense
from alrun.selection.similarity import gaussian
from alrun.strategies.embeddings import FromClassifier
from alrun.strategies.more.herding import MaxHerding
from benchmarks import scale_pool
from benchmarks.machine import add_row


def main() -> None:
    """Write a row for each size of the sample, and for a random selection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=int, default=10_000)
    parser.add_argument("--labeled", type=int, default=100)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    rows = F.normalize(torch.from_numpy(scale_pool.part(0)[0][: given.labeled + given.pool]).float())
    labeled, pool = rows[: given.labeled], rows[given.labeled :]
    everything = reached(pool, labeled, chosen(pool, labeled, given.size))
    for sample in (10 * given.size, 20 * given.size, given.size):
        found = []
        for seed in range(given.draws):
            part = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))[:sample]
            picked = part if sample == given.size else part[chosen(pool[part], labeled, given.size)]
            found.append(reached(pool, labeled, picked) / everything)
        row = {
            "way": "random" if sample == given.size else "max_herding on a sample",
            "n": given.pool,
            "labeled": given.labeled,
            "size": given.size,
            "sample": sample,
            "draws": given.draws,
            "median": f"{median(found):.4f}",
            "worst": f"{min(found):.4f}",
        }
        add_row(given.csv, row)
        print(*row.values(), flush=True)


def chosen(pool: Tensor, labeled: Tensor, size: int) -> Tensor:
    """Positions (size,) that MaxHerding chooses among ``pool`` (n, d)."""
    return MaxHerding(FromClassifier(), nearby="all").cover(pool, labeled, 1.0, None, size)


def reached(pool: Tensor, labeled: Tensor, picked: Tensor) -> float:
    """How far the similarity of all of ``pool`` to its nearest example rises by labeling ``picked``, summed."""
    kernel, points = gaussian(1.0), Dense(pool)
    before = kernel(points, Dense(labeled)).amax(1)
    after = torch.maximum(before, kernel(points, points.take(picked)).amax(1))
    return float((after - before).double().sum())


if __name__ == "__main__":
    main()
