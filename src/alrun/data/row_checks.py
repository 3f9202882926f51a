"""Looks at the rows of vectors, and at columns that number rows, before a run uses them."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from alrun.data import content
from alrun.data.dataset import is_mapped
from alrun.data.mapping import give_back
from alrun.data.shards import Shards
from alrun.system.errors import DataError

BLOCK = 2**14  # rows that are looked at together
INDEX = re.compile(r"|Unnamed: 0(\.\d+)*|__index_level_\d+__")  # names that pandas gives to the index of a table


def refuse_lost(vectors: np.ndarray, where: str, large: bool = False) -> None:
    """Refuse rows that are not finite; a map of ``content.MANY`` bytes or more is read for that only if ``large``.

    Raises:
        UserError: There are some.
    """
    if vectors.dtype == object or isinstance(vectors, Shards):
        return
    if is_mapped(vectors) and vectors.nbytes >= content.MANY and not large:
        return
    if len(lost := lost_rows(vectors)):
        raise DataError(
            f"{where}: {len(lost)} of {len(vectors)} rows are not finite (NaN, infinite or above 3e38), the first is "
            f"row {lost[0]}, counted from 0: fix or remove them."
        )


def lost_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows that are not finite (k,)."""
    lost = [np.empty(0, np.int64)]
    for start in range(0, len(vectors), BLOCK):
        lost.append(start + np.flatnonzero(~np.isfinite(vectors[start : start + BLOCK]).all(1)))
        give_back(vectors)
    return np.concatenate(lost)


def is_index(name: str, values: Sequence[Any]) -> bool:
    """Whether a column numbers the rows: it has the name of an index, or holds all of their numbers."""
    return INDEX.fullmatch(name) is not None or row_numbers(values) is not None


def row_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """The numbers in a column (n,) that numbers the rows from 0 or 1, in whatever order; None of any other column."""
    try:
        float(values[0])  # most columns of text end here
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError, IndexError):
        return None
    if numbers.ndim != 1 or len(numbers) < 3:
        return None
    expected = np.arange(len(numbers)) + (numbers.min() == 1)
    return numbers if np.array_equal(np.sort(numbers), expected) else None
