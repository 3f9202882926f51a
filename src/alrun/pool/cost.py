"""``cost=``: what an answer costs, in any unit: seconds of a person, money. It decides nothing but what is recorded."""

from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge, Gt, MinLen

from alrun.data.columns import columns_by_example
from alrun.data.dataset import STRANGER
from alrun.data.labels import NONE_OF_THESE
from alrun.pool.annotator import Asked
from alrun.system.errors import DataError, SettingError

Price = Annotated[float, Gt(0)]  # of one unit
Units = Annotated[float, Ge(0)]  # of one answer


@runtime_checkable
class Cost(Protocol):
    """Says what an answer about each example costs."""

    def prices(self, asked: Asked) -> np.ndarray | None:
        """The price of one opinion on each example (N,) float64, None if it is 1 for all."""
        ...


class OneEach:
    """Every answer costs the same.

    Args:
        price: Of an answer.
    """

    def __init__(self, price: Price = 1.0) -> None:
        self.price = price

    def prices(self, asked: Asked) -> np.ndarray | None:
        """The price, or None for 1."""
        return None if self.price == 1 else np.full(len(asked.truth), float(self.price))


class ByClass:
    """An answer costs what its true class costs.

    Args:
        by_class: Units for classes, by name or number, and for "none of these", whatever class an example was of that
            open_set holds out.
        other: Units for all others.
        price: Of a unit.
    """

    def __init__(
        self, by_class: Annotated[dict[str | int, Units], MinLen(1)], other: Units = 1.0, price: Price = 1.0
    ) -> None:
        self.by_class = by_class
        self.other = other
        self.price = price

    def prices(self, asked: Asked) -> np.ndarray:
        """Prices (N,) by the true class.

        Raises:
            UserError: There is no such class.
        """
        units = np.full(asked.classes + 1, float(self.other))  # the last is that of strangers
        for name, each in self.by_class.items():
            number = asked.class_of(name)
            if number is None and asked.is_held_out(name):
                continue  # its examples are strangers
            if number is None:
                known = ", ".join(asked.class_names or [f"0 to {asked.classes - 1}"])
                raise SettingError(f"cost.by_class: there is no class {name}: name {known}, or {NONE_OF_THESE!r}.")
            units[-1 if number == STRANGER else number] = each
        return self.price * units[np.where(asked.truth == STRANGER, asked.classes, asked.truth)]


class FromColumn:
    """An answer costs what a file says of the example, such as the seconds that a person took.

    Args:
        path: A .npy, .npz, .csv or .parquet file: see alrun.data.columns.
        column: The column with the units of each example; None: the only one.
        other: Units for an example that open_set or shift takes from another data set.
        price: Of a unit.
    """

    def __init__(self, path: str, column: str | None = None, other: Units = 1.0, price: Price = 1.0) -> None:
        self.path = path
        self.column = column
        self.other = other
        self.price = price

    def prices(self, asked: Asked) -> np.ndarray:
        """Prices (N,) by the file.

        Raises:
            UserError: The file cannot be read, lacks an example, or holds something other than amounts.
        """
        rows = len(asked.truth) if asked.rows is None else asked.rows
        names = None if self.column is None else [self.column]
        table = columns_by_example(self.path, names, rows, asked.files, "cost.path")
        if len(table) != 1:
            raise SettingError(f"cost.path={self.path} has the columns {', '.join(table)}: name one by cost.column=...")
        ((name, values),) = table.items()
        where = f"cost.path={self.path}, column {name}"
        return self.price * np.array([self.other if value is None else amount(value, where) for value in values])


def amount(value: object, where: str) -> float:
    """The number of units in a cell.

    Raises:
        UserError: It is not a number from 0 up.
    """
    try:
        units = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        units = -1.0
    if not 0 <= units < float("inf"):
        raise DataError(f"{where} holds {value!r}, which is not an amount: give a number from 0 up for each example.")
    return units
