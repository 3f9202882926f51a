"""Files that say something of each training example, one row or value each: opinions, prices, seconds."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data.file_ends import Ends
from alrun.data.tables import Table
from alrun.system import spreadsheet
from alrun.system.errors import DataError, first_line

KINDS = ".npy, .npz, .csv or .parquet"
OF_FILES = ("file", "path")  # columns that hold the file of an example


def columns_by_example(
    path: str, names: Sequence[str] | None, rows: np.ndarray | int, files: Sequence[str] | None, what: str
) -> dict[str, list[Any]]:
    """The columns ``names`` of the file at ``path``, all if it is None, with a value for each of N examples.

    Rows of the file are those of the training split in its order. Where it has a column ``file`` or ``path`` and the
    examples have files, they are found by these: by the end of the path, since folders differ between machines.

    Args:
        path: A .npy file of N values or of N rows, whose columns are called 0, 1, and so on; a .npz file, where each
            array is a column; a .csv or .parquet file.
        names: Of columns.
        rows: (N,) row of each example in the training split as it was read; -1, of another data set: its value is None.
            Or their number, if they are all of the split in its order.
        files: (N,) file of each example.
        what: The setting that names the file.

    Raises:
        UserError: The file cannot be read, lacks a column or an example.
    """
    where = f"{what}={path}"
    table = read_table(Path(path), where)
    listed = next((name for name in OF_FILES if name in table), None)
    chosen = list(names) if names is not None else [name for name in table if name != listed]
    if lost := [name for name in chosen if name not in table]:
        raise DataError(f"{where} has no column {lost[0]}: it has {', '.join(table)}.")
    at = np.arange(rows) if isinstance(rows, int) else rows
    if listed is not None and files is not None:
        at = np.where(at < 0, -1, rows_of_files([str(each) for each in table[listed]], files, where))
    else:
        for name in chosen:
            check_length(len(table[name]), rows, f"{where}, column {name}")
    return {name: [None if row < 0 else table[name][row] for row in at.tolist()] for name in chosen}


def check_length(count: int, rows: np.ndarray | int, where: str) -> None:
    """Refuse ``count`` values that are not those of the training split, of which ``rows`` are in the pool.

    Raises:
        UserError: They are too few; or too many, where all of the split is in the pool.
    """
    needed = rows if isinstance(rows, int) else int(rows.max(initial=-1)) + 1
    if count < needed or (isinstance(rows, int) and count > needed):
        raise DataError(
            f"{where}: there are {count} values for the {needed} examples of the training split: give one for each, "
            "in their order, or a CSV with a column file if the examples have files."
        )


def rows_of_files(listed: Sequence[str], files: Sequence[str], where: str) -> np.ndarray:
    """For each of ``files`` (N,) the row of ``listed`` whose path ends like it (N,) int64.

    Raises:
        UserError: A file is not listed, or several rows may be meant.
    """
    ends = Ends({str(row): file for row, file in enumerate(listed)})
    found = [ends.nearest(file) for file in files]
    for file, rows in zip(files, found, strict=True):
        if len(rows) != 1:
            raise DataError(f"{where} has {len(rows)} rows for {file}: give one for each file.")
    return np.array(found, np.int64)[:, 0]


def read_table(path: Path, where: str) -> dict[str, Sequence[Any]]:
    """The columns of a file by name; cells of a CSV are text.

    Raises:
        UserError: It is not there, is of another kind, or damaged.
    """
    if not path.is_file():
        raise DataError(f"{where}: there is no such file; give the path of a {KINDS} file.")
    kind = path.suffix.casefold()
    if kind in (".csv", ".tsv", ".txt", ".parquet"):
        return dict(Table(path, where).columns)
    if kind not in (".npy", ".npz"):
        raise DataError(f"{where} is of an unknown kind: give a {KINDS} file.")
    try:
        if kind == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
        else:
            whole = np.load(path, allow_pickle=False)
            of_rows = whole.reshape(len(whole), -1) if whole.ndim else whole.reshape(1, 1)
            arrays = {str(number): of_rows[:, number] for number in range(of_rows.shape[1])}
    except Exception as error:  # whatever numpy and zlib raise for damaged files
        raise DataError(f"{where} cannot be read as {kind} ({first_line(error)}): store plain arrays.") from error
    return {name: array for name, array in arrays.items() if array.ndim == 1}


def read_matrix(path: Path, what: str) -> np.ndarray:
    """The numbers of a .npy file, or of a .csv file without a header (r, c).

    Raises:
        UserError: It cannot be read, or holds something else.
    """
    where = f"{what}={path}"
    if not path.is_file():
        raise DataError(f"{where}: there is no such file; give the path of a .npy or .csv file.")
    try:
        if path.suffix.casefold() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False), np.float64)
        text, separator, _ = spreadsheet.open_text(path, where)
        lines = [re.split(re.escape(separator), line.strip()) for line in text.splitlines() if line.strip()]
        return np.array([[float(cell) for cell in line] for line in lines])
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{where} must hold rows of numbers alone ({first_line(error)}).") from error
