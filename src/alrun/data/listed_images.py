"""Splits the images that a table lists into training and test examples."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alrun.data import labels
from alrun.data.image_listing import Found
from alrun.data.image_table import read_image_table
from alrun.data.layout import choose_test_split, kind_of, no_splits, warn_of_unused
from alrun.system.errors import DataError

log = logging.getLogger(__name__)


class Listed(NamedTuple):
    """The images of a CSV in order of their splits."""

    found: Found  # each image once, in the order of lines
    order: np.ndarray  # (n,) positions in ``found`` of training and then of test examples
    first: int  # number of training examples; all if nothing says which are for the test
    place: Callable[[int], str]  # the name of a position in ``order``, for a sentence
    groups: np.ndarray | None  # (n,)


def list_images(
    path: str,
    images: str | None,
    path_column: str,
    label_column: str,
    split_column: str,
    group: str | None,
    test_split: str | None,
) -> Listed:
    """The images of a CSV by split, without reading them.

    Raises:
        UserError: The file or a line of it cannot be used.
    """
    made = read_image_table(Path(path), images, path_column, label_column, split_column, group)
    lines = made.lines
    if made.splits is None:
        if test_split is not None:
            raise no_splits(test_split, f"{path} has no column {split_column}")
        order, first = np.arange(len(lines)), len(lines)
    else:
        order, first = by_split(made.splits, lines, test_split, path, split_column)
    groups = None if made.groups is None else np.array(made.groups)[order]
    return Listed(made.found, order, first, lambda at: f"dataset.path={path}, line {lines[order[at]]}", groups)


def by_split(
    names: Sequence[str], lines: Sequence[int], test_split: str | None, path: str, column: str
) -> tuple[np.ndarray, int]:
    """The positions of training and then of test examples, and the number of the former; warns of other splits.

    Raises:
        UserError: A line has an unknown split, or there is no training split.
    """
    distinct = sorted({name for name in names if name})
    known = [name for name in distinct if kind_of(name) or name.casefold() == (test_split or "").casefold()]
    if distinct and not known:
        shown = distinct[: labels.SHOWN]
        raise DataError(
            f"dataset.path={path}: the column {column} holds {' and '.join(shown)}"
            f"{' and others' if len(distinct) > labels.SHOWN else ''}, which name no split; known are train, test, val "
            "and names like these: write them, or name another column by dataset.split_column=..."
        )
    for name, line in zip(names, lines, strict=True):
        if name and name not in known:
            raise DataError(
                f"dataset.path={path}, line {line}: its {column} is {name!r}, not train or test; "
                "dataset.test_split=... names another one."
            )
    trains = [name for name in distinct if kind_of(name) == "train"]
    if not trains:
        there = ", ".join(distinct) or "none"
        raise DataError(f"dataset.path={path}: no line has the {column} train; there are: {there}.")
    if blank := sum(not name for name in names):
        log.warning(
            "dataset.path=%s: rows without a split (%d of %d) are passed over: write train or test into their %s",
            *(path, blank, len(names), column),
        )
    others = [name for name in distinct if name not in trains]
    # A split that is spelled in two ways is one.
    test = choose_test_split(
        test_split, {kind_of(name) or name: name for name in others}.values(), f"dataset.path={path}"
    )
    tests = [name for name in others if test is not None and (kind_of(name) or name) == (kind_of(test) or test)]
    warn_of_unused(others, tests, f"dataset.path={path}")
    given = np.array(names)
    train, tested = np.flatnonzero(np.isin(given, trains)), np.flatnonzero(np.isin(given, tests))
    return np.concatenate([train, tested]), len(train)
