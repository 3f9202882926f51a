"""``shift=``: the test split, or a share of the pool, comes from another data set with the same classes."""

from typing import Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge, Le

from alrun.data.dataset import ImageData
from alrun.pool.joined import check_share, drawn, fitting, joined, labels_in
from alrun.system.errors import DataError

KEY = "shift.dataset"
OWN, OTHER = "dataset", KEY  # names of the groups of test examples that come from two data sets


@runtime_checkable
class Shift(Protocol):
    """Takes examples from another data set."""

    def shift(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """``data`` with examples of ``other``, the data set of the setting, drawn by ``rng``."""
        ...


class NoShift:
    """Pool and test split come from one data set."""

    def shift(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """``data`` itself."""
        return data


class ShiftedTest:
    """The test split comes from another data set.

    Args:
        whole: All of its examples, for a folder that is one test set; if not, its test split alone.
    """

    def __init__(self, whole: bool = False) -> None:
        self.whole = whole

    def shift(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """``data`` with the other test split.

        Raises:
            UserError: The other data set does not fit, or has other classes.
        """
        other = fitting(data, other, KEY, "shift=test")
        images, labels, groups = other.test_images, other.test_labels, other.test_groups
        if self.whole:
            images = np.concatenate([other.train_images, images])
            labels, groups = np.concatenate([other.train_labels, labels]), None
        if not len(labels):
            raise DataError(f"{KEY} has no test split: add shift.whole=true, to test on all of its examples.")
        return data.part(test_images=images, test_labels=labels_in(data, other, labels, KEY), test_groups=groups)


class ShiftedPool:
    """A share of the pool, at random positions, is replaced by training examples of another data set.

    Args:
        share: Of the pool that comes from the other data set.
        test: ``own``, the test split of the data set; or ``both``, the test splits of both, as two groups.
    """

    def __init__(self, share: Annotated[float, Ge(0), Le(1)], test: Literal["own", "both"] = "own") -> None:
        self.share = share
        self.test = test

    def shift(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """The pool of two data sets.

        Raises:
            UserError: The other data set does not fit, has other classes, or too few examples.
        """
        other = fitting(data, other, KEY, "shift=pool")
        own, there = len(data.train_labels), len(other.train_labels)
        count = round(self.share * own)
        check_share("shift", self.share, count, there, most=there / own)
        if self.test == "both":
            data = with_both_tests(data, other)
        if not count:
            return data
        its, at = drawn(count, there, own, rng)
        stays = np.delete(np.arange(own), at)
        return joined(data, stays, other, its, labels_in(data, other, other.train_labels[its], KEY), at)


def with_both_tests(data: ImageData, other: ImageData) -> ImageData:
    """``data`` with the test splits of both, which are the groups of its test examples."""
    return data.part(
        test_images=np.concatenate([data.test_images, other.test_images]),
        test_labels=np.concatenate([data.test_labels, labels_in(data, other, other.test_labels, KEY)]),
        test_groups=np.repeat([OWN, OTHER], [len(data.test_labels), len(other.test_labels)]),
    )
