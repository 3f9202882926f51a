"""Small data sets whose examples say where they come from."""

import numpy as np

from alrun.data.dataset import ImageData


def made(sizes: list[int], seed: int = 0, names: bool = True, tested: int = 6, start: int = 0) -> ImageData:
    """Vectors (position, true class) in a drawn order, ``sizes[c]`` of class c; ``tested`` test examples of each.

    Positions count from ``start``, those of the test split below 0.
    """
    draws = np.random.default_rng(seed)
    labels = draws.permutation(np.repeat(np.arange(len(sizes)), sizes))
    test = np.arange(len(sizes)).repeat(tested)
    rows = np.stack([start + np.arange(len(labels)), labels], 1).astype(np.float32)
    test_rows = np.stack([-1 - start - np.arange(len(test)), test], 1).astype(np.float32)
    named = [f"c{number}" for number in range(len(sizes))] if names else None
    return ImageData(rows, labels, test_rows, test, class_names=named)


def slow_counts(labels: np.ndarray) -> dict[int, int]:
    """How often each label occurs, counted one by one."""
    found: dict[int, int] = {}
    for label in labels.tolist():
        found[label] = found.get(label, 0) + 1
    return found


def positions(data: ImageData) -> list[int]:
    """Where the training examples come from."""
    return data.train_images[:, 0].astype(int).tolist()
