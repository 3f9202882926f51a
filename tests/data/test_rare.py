"""Which classes count as rare."""

import numpy as np
import pytest

from alrun.data.dataset import ImageData
from alrun.data.rare import rare_classes


def pool(counts: list[int], names: list[str] | None = None) -> ImageData:
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.zeros((len(labels), 3), dtype=np.float32)
    return ImageData(images, labels, images[:1], np.array([len(counts) - 1]), class_names=names)


@pytest.mark.parametrize(
    ("counts", "rare"),
    [
        ([10, 10, 10], []),
        ([10, 5, 10], [1]),  # half of the median is rare
        ([10, 6, 10], []),
        ([100, 60, 30, 9], [3]),  # the median of an even number of classes is between two: 45
        ([9, 1], [1]),  # the median is 5
        ([10, 0, 10], [1]),
    ],
)
def test_rare_are_classes_with_at_most_half_of_the_median_count(counts, rare):
    assert rare_classes(pool(counts)) == rare


def test_what_an_option_made_rare_is_rare_whatever_the_counts():
    data = pool([10, 1, 10])
    assert rare_classes(data.part(rare=(0, 2))) == [0, 2]


def test_nobody_knows_which_classes_are_rare_where_people_give_the_labels():
    data = pool([10, 1, 10], ["a", "b", "c"])
    data.train_labels[0] = -1
    assert rare_classes(data) == []


def test_what_is_said_to_be_rare_is_rare():
    data = pool([10, 1, 10])
    data.rare = (0, 2)
    assert rare_classes(data) == [0, 2]
