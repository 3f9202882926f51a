"""``annotator=file``: the labels that real people gave to the examples of a data set."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import MinLen

from alrun.data.columns import columns_by_example
from alrun.data.dataset import STRANGER
from alrun.data.labels import MISSING, NONE_OF_THESE
from alrun.pool.annotator import Annotator, Asked, Opinions
from alrun.system.errors import DataError, SettingError

KEY = "annotator.path"


class FromFile(Annotator):
    """Answers with the labels in a file, one column for each opinion.

    A label is the name of a class, or its number in the data set where names are not numbers. "none of these", a class
    that open_set holds out, and an example that open_set takes from another data set, are answered as strangers. A copy
    of an example gets the same answer.

    Args:
        path: A .npy, .npz, .csv or .parquet file: see alrun.data.columns.
        columns: The columns that hold opinions; None: all, which must be as many as there are opinions.
        opinions: How many opinions each example gets, those of the first columns.
    """

    def __init__(
        self, path: str, columns: Annotated[list[str], MinLen(1)] | None = None, opinions: Opinions = 1
    ) -> None:
        self.path = path
        self.columns = columns
        self.opinions = opinions
        if columns is not None and opinions > len(columns):
            raise SettingError(
                f"annotator.opinions={opinions}, but annotator.columns names {len(columns)}: lower it or name more."
            )

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        """The labels (N,) of a column.

        Raises:
            UserError: The file cannot be read, lacks an example, or holds something other than labels.
        """
        rows = len(asked.truth) if asked.rows is None else asked.rows
        if asked.rows is not None and ((asked.rows < 0) & (asked.truth != STRANGER)).any():
            raise SettingError(
                f"{KEY}={self.path} cannot say anything of the examples that shift=pool brings: use shift=none."
            )
        table = columns_by_example(self.path, self.columns, rows, asked.files, KEY)
        if self.columns is None and len(table) != self.opinions:
            raise SettingError(
                f"{KEY}={self.path} has {len(table)} columns, and annotator.opinions={self.opinions}: name those that "
                f"hold opinions by annotator.columns=[...], out of {', '.join(table)}."
            )
        name = list(table)[number]
        return answers_of(table[name], asked, f"{KEY}={self.path}, column {name}")


def answers_of(values: Sequence[Any], asked: Asked, where: str) -> np.ndarray:
    """The classes that cells name (N,), STRANGER where they name none of them; None is an example of another data set.

    Raises:
        UserError: A cell is empty, or names no class.
    """
    answers = {value: STRANGER if value is None else answer_of(value, asked) for value in dict.fromkeys(values)}
    for value, answer in answers.items():
        if answer is None:
            names = asked.class_names
            raise DataError(
                f"{where}: {str(value)!r} at example {list(values).index(value)} of the pool is not a class: give "
                f"{NONE_OF_THESE!r}, or " + (f"one of {', '.join(names)}." if names else f"0 to {asked.classes - 1}.")
            )
    return np.array([answers[value] for value in values], np.int64)


def answer_of(value: Any, asked: Asked) -> int | None:
    """The class that a cell names, STRANGER for none of them; None if nobody can say."""
    found = asked.class_of(value)
    text = str(value).strip()
    may_be_held_out = asked.numbers is not None and text.casefold() not in MISSING and not text.startswith("-")
    return STRANGER if found is None and may_be_held_out else found
