"""``dataset=text`` and ``dataset=table``: rows of CSV or Parquet files, with a text or with numbers, and a label."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data.dataset import ImageData
from alrun.data.divided import USUAL, Fraction
from alrun.data.labels import shortened
from alrun.data.layout import choose_test_split, kind_of, no_splits, warn_of_unused
from alrun.data.row_checks import is_index
from alrun.data.vector_files import Part, by_split
from alrun.data.vectors import assembled
from alrun.system import spreadsheet
from alrun.system.errors import DataError, first_line

KINDS = (".csv", ".tsv", ".txt", ".parquet")
SHOWN = 10  # columns, of more


class Table:
    """The columns of a file; ``where`` names it in a sentence, None: as that of the data set."""

    def __init__(self, path: Path, where: str | None = None) -> None:
        self.path = path
        if path.suffix.casefold() == ".parquet":
            self.names, self.columns = of_parquet(path)
        else:
            sheet = spreadsheet.read_sheet(path, where or f"dataset.path={path}")
            self.names = sheet.header
            self.columns = {name: [row[name] for row in sheet.rows] for name in sheet.header}

    def column(self, name: str, setting: str, *others: str | None) -> Sequence[Any]:
        """The column ``name``, which ``setting`` names, with {} for one that is there and not among ``others``.

        Raises:
            UserError: There is no such column, or several.
        """
        if name not in self.columns:
            likely = [each for each in self.columns if each not in others] or ["..."]
            raise DataError(
                f"{self.path} has no column {name}: name one of {', '.join(self.columns)}, by "
                f"{setting.format(likely[0])}."
            )
        if self.names.count(name) > 1:
            raise DataError(f"{self.path} has {self.names.count(name)} columns {name}: rename all but one.")
        return self.columns[name]


def of_parquet(path: Path) -> tuple[list[str], dict[str, Sequence[Any]]]:
    """The names of the columns of a Parquet file, and the columns; numbers as arrays."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{path} needs the pyarrow package: pip install 'alrun[parquet]'.") from None
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet ({first_line(error)}).") from error
    columns: dict[str, Sequence[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        is_number = pyarrow.types.is_floating(column.type) or pyarrow.types.is_integer(column.type)
        columns[name] = column.to_numpy() if is_number else column.to_pylist()
    return list(table.column_names), columns


def text(
    root: str,
    path: str,
    text_column: str = "text",
    label_column: str = "label",
    split_column: str = "split",
    group: str | None = None,
    test_split: str | None = None,
    test_fraction: Fraction = USUAL,
) -> ImageData:
    """Texts with their classes, for an encoder: a CSV or Parquet file, or a folder with a file for each split."""
    others = (label_column, split_column, group)

    def examples(table: Table) -> np.ndarray:
        texts = [str(value or "").strip() for value in table.column(text_column, "dataset.text_column={}", *others)]
        if empty := [row for row, each in enumerate(texts, 1) if not each]:
            raise DataError(
                f"{table.path}: row {empty[0]} has no text in {text_column} ({len(empty)} rows): remove it."
            )
        made = np.empty(len(texts), object)
        made[:] = texts
        return made

    parts = read(path, examples, label_column, split_column, group, test_split)
    return assembled(parts, f"dataset.path={path}", test_fraction, standardize=False)


def table(
    root: str,
    path: str,
    columns: list[str] | None = None,
    label_column: str = "label",
    split_column: str = "split",
    group: str | None = None,
    test_split: str | None = None,
    test_fraction: Fraction = USUAL,
    standardize: bool = True,
) -> ImageData:
    """Numbers with their classes: a CSV or Parquet file, or a folder with a file for each split.

    ``columns`` hold the numbers; None: all of the training split but the label, the split and the group. One column of
    a Parquet file may hold lists, which are vectors.
    """
    others = (label_column, split_column, group)
    names = list(columns or ())

    if label_column in (columns or ()):
        raise DataError(f"dataset.columns names {label_column}, which is the label: leave it out.")
    if twice := [name for name, count in Counter(columns or ()).items() if count > 1]:
        raise DataError(f"dataset.columns names {twice[0]} twice: leave one out.")

    def examples(table: Table) -> np.ndarray:
        if not names:  # the test split has those of the training split, in whatever order
            names.extend(name for name in table.columns if name not in others)
        if counting := [name for name in names if not columns and is_index(name, table.columns.get(name, ()))]:
            left = [name for name in names if name not in counting]
            some = ", ".join(left[:SHOWN]) + ", ..." * (len(left) > SHOWN)
            raise DataError(
                f"{table.path}: the column {counting[0] or 'without a name'} numbers the rows, and tells nothing of "
                f"an example: write the table without it (index=False in pandas), or name those that do, by "
                f"dataset.columns=[{some}]."
            )
        made = [numbers(table, name) for name in names]
        if not made:
            raise DataError(f"{table.path} has no columns of numbers beside {label_column}.")
        return np.concatenate(made, axis=1)

    parts = read(path, examples, label_column, split_column, group, test_split)
    data = assembled(parts, f"dataset.path={path}", test_fraction, standardize)
    data.columns = names if len(names) == data.train_images.shape[1] else None  # a column of lists names none of them
    return data


def numbers(table: Table, name: str) -> np.ndarray:
    """A column of numbers (n, 1), or of lists of numbers (n, d).

    Raises:
        UserError: A cell is not a number; the sentence names the first one.
    """
    column = table.column(name, "dataset.columns=[{}]")
    if all(cell in ("True", "False") for cell in column):  # as a CSV holds truth values
        column = [cell == "True" for cell in column]
    try:
        made = np.array(column, np.float64)
    except (TypeError, ValueError):
        made = None
    if made is None or made.ndim > 2 or not np.isfinite(made).all():
        row, is_what = misfit(column)
        raise DataError(
            f"{table.path}: {name} is {shortened(repr(column[row]))} in row {row + 1}, {is_what}: fix it, or name the "
            "columns that hold numbers by dataset.columns=[...]."
        )
    return made.reshape(len(made), -1)


def misfit(column: Sequence[Any]) -> tuple[int, str]:
    """The first row of a column that cannot be used as numbers, and what it is."""
    lengths = [len(value) if isinstance(value, list) else None for value in column]
    usual = max(set(lengths), key=lengths.count)
    for row, value in enumerate(column):
        if lengths[row] != usual:
            return row, f"where most rows hold {'one number' if usual is None else f'{usual} numbers'}"
        values = [value] if usual is None else value
        if not all(map(is_number, values)):
            return row, "which is not a number" if usual is None else "which are not numbers"
        if not np.isfinite(np.array(values, np.float64)).all():
            return row, "which is not finite"
    return 0, "which is not a number"


def is_number(value: Any) -> bool:
    """Whether a cell can be read as a number."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def read(
    path: str,
    examples: Callable[[Table], np.ndarray],
    label_column: str,
    split_column: str,
    group: str | None,
    test_split: str | None,
) -> list[Part]:
    """The training and perhaps the test part of a file or folder; ``examples`` turns a table into an array.

    Raises:
        UserError: A file is not there, or lacks a column.
    """
    base = Path(path)
    if base.suffix.casefold() in (".npy", ".npz"):
        raise DataError(f"dataset.path={path} must be a CSV or Parquet file: use dataset=features for arrays.")
    tables = [Table(file) for file in (split_files(base, test_split) if base.is_dir() else [base])]
    labels = [each.column(label_column, "dataset.label_column") for each in tables]
    if empty := [each.path for each, values in zip(tables, labels, strict=True) if not len(values)]:
        raise DataError(f"{empty[0]} has no rows below the names of its columns: add some.")
    groups = [None if group is None else np.array(each.column(group, "dataset.group")) for each in tables]
    parts = [
        Part(examples(each), values, belongs, f"{each.path}, column {label_column}")
        for each, values, belongs in zip(tables, labels, groups, strict=True)
    ]
    if len(parts) > 1:
        return parts
    (whole,), (only,) = parts, tables
    if split_column in only.columns:
        splits = [str(each) for each in only.column(split_column, "dataset.split_column")]
        return by_split(whole, splits, test_split, str(only.path))
    if test_split is not None:
        raise no_splits(test_split, f"{only.path} has no column {split_column}")
    return parts


def split_files(folder: Path, test_split: str | None) -> list[Path]:
    """The file of the training split, and that of the test split if there is one.

    Raises:
        UserError: There is no training file, or several.
    """
    found = {
        file.stem: file
        for file in sorted(folder.iterdir())
        if file.suffix.casefold() in KINDS and (kind_of(file.stem) or file.stem == test_split)
    }
    trains = [name for name in found if kind_of(name) == "train"]
    if len(trains) != 1:
        raise DataError(f"dataset.path={folder} must hold one file train.csv or train.parquet, and test.csv beside it.")
    others = [name for name in found if name not in trains]
    test = choose_test_split(test_split, others, f"dataset.path={folder}")
    warn_of_unused(others, [test], f"dataset.path={folder}")
    return [found[name] for name in (trains[0], test) if name is not None]
