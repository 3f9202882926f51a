"""Training and test split of labeled images: as given, or held out by class or by group."""

import logging
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from alrun.data import labels
from alrun.data.image_source import Split
from alrun.system.errors import DataError

log = logging.getLogger(__name__)

Fraction = Annotated[float, Gt(0), Lt(1)]  # share of the examples that is held out
USUAL = 0.2  # of it, where nobody sets it


def split_as_given(
    whole: Split, first: int, test_fraction: float, classes: list[str], where: str
) -> tuple[Split, Split]:
    """The ``first`` images as the training split, the others as the test split.

    Raises:
        UserError: A class is only in the test split, or a group in both; or a share was to be held out.
    """
    refuse_fraction(test_fraction, where)
    if whole.groups is not None:
        refuse_shared_groups(whole.groups[:first], whole.groups[first:], where)
    labels.compare_splits(whole.labels[:first], whole.labels[first:], classes, where)
    return whole.part(np.arange(first)), whole.part(np.arange(first, len(whole)))


def refuse_shared_groups(train: np.ndarray, test: np.ndarray, where: str) -> None:
    """Refuse splits of which both hold examples of one group, such as a patient.

    Raises:
        UserError: A group is in ``train`` (n,) and in ``test`` (m,); ``where`` names the data.
    """
    if both := sorted(set(train.tolist()) & set(test.tolist())):
        raise DataError(
            f"{where}: {len(both)} groups of dataset.group are in the training and in the test split, {both[0]} the "
            "first: move each to one of them, or leave the split to dataset.test_fraction."
        )


def refuse_fraction(test_fraction: float, where: str) -> None:
    """Refuse a share that somebody set of data which have a test split, and would not be used.

    Raises:
        UserError: That is so; ``where`` names the data.
    """
    if test_fraction != USUAL:
        raise DataError(f"dataset.test_fraction={test_fraction} has no effect: {where} has a test split. Leave it out.")


def split_by_share(
    whole: Split, test_fraction: float, classes: list[str], in_order: bool = False
) -> tuple[Split, Split]:
    """Training and test split, the latter with ``test_fraction`` of every class; always the same split.

    Args:
        whole: All images. All of a group (a patient, a video) go into one split, and the shares are as close as that
            allows.
        test_fraction: The share of the test split.
        classes: Names of the classes.
        in_order: Whether each split keeps the order of ``whole``.

    Raises:
        UserError: No such split exists.
    """
    train, test = positions_by_share(whole.labels, test_fraction, classes, whole.groups)
    if in_order or whole.groups is not None:
        train, test = np.sort(train), np.sort(test)
    return whole.part(train), whole.part(test)


def positions_by_share(
    numbers: np.ndarray, test_fraction: float, classes: list[str], groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and of the test examples, each (k,) int64.

    Raises:
        UserError: No such split exists.
    """
    remedy = "or give a test set of its own"
    if groups is not None:
        return positions_by_group(numbers, test_fraction, classes, groups)
    present, counts = np.unique(numbers, return_counts=True)
    if len(present) < 2:
        raise DataError(f"dataset: all examples are of one class, {classes[present[0]]}: there is nothing to learn.")
    if few := [classes[label] for label, count in zip(present, counts, strict=True) if count < 2]:
        raise DataError(
            f"dataset.test_fraction={test_fraction}: there is one example of {', '.join(few[: labels.SHOWN])}"
            f"{', ...' if len(few) > labels.SHOWN else ''} and none to hold out: add some, leave it out, {remedy}."
        )
    tested = int(np.ceil(test_fraction * len(numbers)))
    if not len(present) <= tested <= len(numbers) - len(present):
        raise DataError(
            f"dataset.test_fraction={test_fraction} leaves {len(numbers) - tested} training and {tested} test examples "
            f"for {len(present)} classes: take another one, {remedy}."
        )
    return hold_out_positions(numbers, test_fraction)


def positions_by_group(
    numbers: np.ndarray, test_fraction: float, classes: list[str], groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions as in positions_by_share, with whole groups: each, the largest first, goes where it is needed.

    A group goes into the test split if that brings the counts of its classes nearer to ``test_fraction`` of all, by
    the sum of squares; a fixed shuffle decides between groups of equal size.

    Raises:
        UserError: A split would be empty, or a class only in the test split.
    """
    _, number = np.unique(groups, return_inverse=True)
    count = int(number.max()) + 1
    if count < 2:
        raise DataError(f"dataset.group: all examples are of one group, {groups[0]}, so none can be held out.")
    held = np.zeros((count, len(classes)))
    np.add.at(held, (number, numbers), 1)
    want, have = test_fraction * held.sum(0), np.zeros(len(classes))
    left = held.sum(0)
    in_test = np.zeros(count, bool)
    shuffled = np.random.default_rng(0).permutation(count)
    for group in shuffled[np.argsort(-held[shuffled].sum(1), kind="stable")]:
        nearer = ((have + held[group] - want) ** 2).sum() < ((have - want) ** 2).sum()
        # The last group of a class stays to be trained on.
        if nearer and not ((held[group] > 0) & (left == held[group])).any():
            in_test[group] = True
            have += held[group]
            left -= held[group]
    train, test = np.flatnonzero(~in_test[number]), np.flatnonzero(in_test[number])
    if not len(test):
        raise DataError(
            f"dataset.test_fraction={test_fraction}: none of the {count} groups of dataset.group can be held out, all "
            "are too large, or alone in a class: raise it, or give a test set of its own."
        )
    labels.compare_splits(numbers[train], numbers[test], classes, "dataset.group")
    log.info("%d of %d groups are held out: %d of %d examples", in_test.sum(), count, len(test), len(numbers))
    return train, test


def hold_out_positions(labels: np.ndarray, test_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of training and test examples, stratified by class; ``test_size`` is a count or a share."""
    from sklearn.model_selection import train_test_split

    positions = np.arange(len(labels))
    train, test = train_test_split(positions, test_size=test_size, stratify=labels, random_state=0)
    return np.asarray(train), np.asarray(test)
