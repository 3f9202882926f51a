"""A made-up pool of any size for benchmarks of scale: float16 vectors in clusters, in a file that is mapped, not read.

Small pools are the first rows of the largest, so that one file serves all sizes. Clusters have unequal sizes, and the
spread within them falls from number to number, as that of a real network's embeddings does from one principal
component to the next.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from alrun.data.mapping import open_map

PART = 100_000  # rows that are made together; each part has draws of its own
WIDTH, CLASSES, CLUSTERS = 384, 100, 1000  # a cluster belongs to one class


def clusters() -> tuple[Tensor, Tensor, Tensor]:
    """Centers (clusters, width), their share of the pool (clusters,), and the spread around them (width,)."""
    draws = torch.Generator().manual_seed(0)
    centers = torch.randn(CLUSTERS, WIDTH, generator=draws)
    share = torch.rand(CLUSTERS, generator=draws) + 0.1
    return centers, share, 3 / (1 + torch.arange(WIDTH) / 8).sqrt()


def part(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``number``-th ``PART`` rows (PART, width) float16, and their classes (PART,)."""
    centers, share, spread = clusters()
    draws = torch.Generator().manual_seed(number + 1)
    cluster = torch.multinomial(share, PART, replacement=True, generator=draws)
    rows = torch.randn(PART, WIDTH, generator=draws).mul_(spread).add_(centers[cluster])
    return rows.half().numpy(), (cluster % CLASSES).numpy()


def make(folder: Path, count: int) -> None:
    """Write ``count`` rows and their classes into ``folder``; nothing if as many are there."""
    vectors, labels = folder / "train_features.npy", folder / "train_labels.npy"
    if vectors.exists() and len(np.load(vectors, mmap_mode="r")) >= count:
        return
    assert count % PART == 0
    folder.mkdir(parents=True, exist_ok=True)
    temporary, classes = folder / "train_features.part", []
    with temporary.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": (count, WIDTH)})
        for number in range(count // PART):
            rows, of_rows = part(number)
            file.write(rows.data)
            classes.append(of_rows)
    np.save(labels, np.concatenate(classes))
    temporary.rename(vectors)


def opened(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` rows, mapped, and their classes."""
    rows = open_map(folder / "train_features.npy")
    return rows[:count], np.load(folder / "train_labels.npy")[:count]
