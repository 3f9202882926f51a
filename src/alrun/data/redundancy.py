"""``redundancy=``: altering the pool before anything else."""

import numpy as np


class NoRedundancy:
    """The pool as the data set has it."""

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, C, H, W) and labels (N,) of the pool to use."""
        return images, labels
