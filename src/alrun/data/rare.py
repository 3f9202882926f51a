"""Which classes are rare."""

import numpy as np

from alrun.data.dataset import ImageData, counts_of

SHARE = 0.5  # of the median class


def rare_classes(data: ImageData) -> list[int]:
    """The classes that are said to be rare; otherwise those with at most half as many training examples as the median.

    None are rare where people give the labels, whose counts nobody knows.
    """
    if data.rare is not None:
        return list(data.rare)
    if data.is_unlabeled:
        return []
    counts = counts_of(data.train_labels, data.classes)
    return np.flatnonzero(counts <= SHARE * np.median(counts)).tolist()
