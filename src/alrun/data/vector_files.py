"""Files of vectors: npz, npy with a file of labels, folders of npy and of shards."""

import inspect
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alrun.data.layout import choose_test_split, kind_of, no_splits, warn_of_unused
from alrun.data.mapping import open_map
from alrun.data.npz_arrays import OBJECTS, flatten_labels, npz_names, read_arrays
from alrun.data.row_checks import row_numbers
from alrun.data.shards import Shards
from alrun.system import spreadsheet
from alrun.system.errors import DataError, first_line

log = logging.getLogger(__name__)

TABLES = (".csv", ".tsv", ".txt", ".parquet")
Values = Sequence[Any] | np.ndarray


class Part(NamedTuple):
    """One split, or all examples if nothing says which split they are in."""

    vectors: np.ndarray  # (n, d)
    labels: Values  # n of them, as the source holds them
    groups: np.ndarray | None = None  # (n,)
    labels_in: str = ""  # the file of the labels, and its column or array, for a sentence
    rows: np.ndarray | None = None  # (n,) which of the file's they are, from 0; None: all of them

    def place(self, position: int) -> str:
        """Where a label is, for a sentence."""
        return f"{self.labels_in}, row {int(position if self.rows is None else self.rows[position]) + 1}"


def read(
    path: str,
    labels_path: str | None = None,
    features_array: str = "features",
    labels_array: str = "labels",
    label_column: str = "label",
    split_column: str = "split",
    group: str | None = None,
    test_split: str | None = None,
) -> list[Part]:
    """The training and perhaps the test part; .npy files are mapped, not read.

    Raises:
        UserError: A file is not there, or damaged; or a setting has no effect on a file of this form.
    """
    arrays = {"features_array": features_array, "labels_array": labels_array}
    columns = {"label_column": label_column, "split_column": split_column, "group": group}
    if Path(path).is_dir():
        refuse_unread(path, "a folder", {"labels_path": labels_path} | arrays | columns)
        return of_folder(Path(path), test_split)
    if path.endswith(".npy"):
        refuse_unread(path, "a .npy", arrays)
        labels = labels_of(path, labels_path)
        if labels.suffix.casefold() == ".npy":
            refuse_unread(str(labels), "a .npy of labels", columns | {"test_split": test_split})
            return of_arrays(Path(path), labels)
        return of_array(Path(path), labels, label_column, split_column, group, test_split)
    if Path(path).suffix.casefold() in TABLES:
        raise DataError(
            f"dataset.path={path}: dataset=features reads .npy, .npz and folders of .npy; use dataset=table for the "
            "vectors or numbers in a table."
        )
    of_others = {"labels_path": labels_path, "label_column": label_column, "split_column": split_column}
    refuse_unread(path, "an npz", of_others)
    names = npz_names(path, features_array, labels_array, group, test_split, "features_array")
    stored = read_arrays(path, [name for split in names for name in split])
    where = f"dataset.path={path}"
    return [
        Part(
            stored[split[0]],
            flatten_labels(stored[split[1]], where, split[1]),
            flatten_labels(stored[split[2]], where, split[2]) if group is not None else None,
            f"{where}, array {split[1]}",
        )
        for split in names
    ]


def refuse_unread(path: str, form: str, unread: dict[str, Any]) -> None:
    """Refuse what is set and would not be read: a ``group`` that nobody reads would leave a patient on both sides.

    Raises:
        UserError: A setting in ``unread`` is not as it is where nobody sets it.
    """
    for name, value in unread.items():
        if value != inspect.signature(read).parameters[name].default:
            raise DataError(f"dataset.{name}={value} has no effect on {form}, and {path} is one: leave it out.")


def labels_of(path: str, labels_path: str | None) -> Path:
    """The file with the labels of the .npy at ``path``: ``labels_path``, otherwise labels.csv beside it."""
    return Path(labels_path) if labels_path is not None else Path(path).with_name("labels.csv")


def of_folder(folder: Path, test_split: str | None) -> list[Part]:
    """``<split>_features.npy``, or ``<split>_features.json`` of its shards, and ``<split>_labels.npy``."""
    files = {file.stem.removesuffix("_features"): file for file in sorted(folder.glob("*_features.[nj]*"))}
    found = {
        split: file
        for split, file in files.items()
        if file.suffix in (".npy", ".json") and (kind_of(split) or split == test_split)
    }
    trains = [name for name in found if kind_of(name) == "train"]
    if len(trains) != 1:
        raise DataError(f"dataset.path={folder} holds no train_features.npy: name a folder that does, or a file.")
    others = [name for name in found if name not in trains]
    test = choose_test_split(test_split, others, f"dataset.path={folder}")
    warn_of_unused(others, [test], f"dataset.path={folder}")
    return [
        Part(rows_of(found[name]), flatten_labels(mapped(labels), str(folder), name), labels_in=str(labels))
        for name in (trains[0], test)
        if name is not None
        for labels in [folder / f"{name}_labels.npy"]
    ]


def of_arrays(path: Path, labels_path: Path) -> list[Part]:
    """All rows of one .npy, with the labels of another in its order."""
    if not labels_path.is_file():
        raise DataError(f"dataset.labels_path={labels_path}: there is no such file; give the path of the labels.")
    vectors, values = mapped(path), flatten_labels(mapped(labels_path), "dataset.labels_path", str(labels_path))
    check_counts(path, vectors, labels_path, values)
    return [Part(vectors, values, labels_in=str(labels_path))]


def check_counts(path: Path, vectors: np.ndarray, labels_path: Path, values: Values) -> None:
    """Refuse files that do not hold a label for each row."""
    if len(values) != len(vectors):
        raise DataError(f"{path} has {len(vectors)} rows, but {labels_path} {len(values)}: give a label to each.")


def of_array(
    path: Path, labels_path: Path, label_column: str, split_column: str, group: str | None, test_split: str | None
) -> list[Part]:
    """All rows of one .npy, with the labels, splits and groups of a CSV in its order."""
    if not labels_path.is_file():
        raise DataError(
            f"dataset.path={path}: there is no {labels_path} with the labels, one a row in a column {label_column}; "
            "name another CSV, or a .npy of labels, by dataset.labels_path=..."
        )
    vectors, sheet = mapped(path), spreadsheet.read_sheet(labels_path, f"dataset.labels_path={labels_path}")
    values = column_of(sheet, label_column, labels_path)
    check_counts(path, vectors, labels_path, values)
    for name in sheet.header:
        number = row_numbers([row[name] for row in sheet.rows]) if name not in (label_column, split_column) else None
        if number is not None and (np.diff(number) < 0).any():
            raise DataError(
                f"{labels_path}: its column {name or 'without a name'} numbers the rows in another order, and labels "
                f"must be in the order of the rows of {path}: sort them by it, or remove the column."
            )
    groups = None if group is None else np.array(column_of(sheet, group, labels_path))
    whole = Part(vectors, values, groups, f"{labels_path}, column {label_column}")
    if sheet.column(split_column) is None:
        if test_split is not None:
            raise no_splits(test_split, f"{labels_path} has no column {split_column}")
        return [whole]
    return by_split(whole, column_of(sheet, split_column, labels_path), test_split, str(labels_path))


def by_split(whole: Part, splits: Sequence[str], test_split: str | None, where: str) -> list[Part]:
    """The parts of ``whole`` in the splits that ``splits`` names for each row.

    Raises:
        UserError: There is no training split, or it has several names.
    """
    names = sorted(set(splits))
    train = [name for name in names if kind_of(name) == "train"]
    if len(train) != 1:
        raise DataError(f"{where}: no row, or rows of several names, are of the split train; there are {names}.")
    others = [name for name in names if name and name not in train]
    test = choose_test_split(test_split, others, where)
    warn_of_unused(others, [test], where)
    if "" in names:
        log.warning("%s: %d rows have no split and are passed over", where, list(splits).count(""))
    given, parts = np.array(splits), []
    for name in (train[0], test):
        if name is not None:
            at = np.flatnonzero(given == name)
            groups = None if whole.groups is None else whole.groups[at]
            labels = [whole.labels[place] for place in at.tolist()]
            parts.append(whole._replace(vectors=chosen(whole.vectors, at), labels=labels, groups=groups, rows=at))
    return parts


def column_of(sheet: spreadsheet.Sheet, name: str, path: Path) -> list[str]:
    """A column of a CSV.

    Raises:
        UserError: There is no such column.
    """
    column = sheet.column(name)
    if column is None:
        raise DataError(
            f"{path} has no column {name}; its first line names {', '.join(sheet.header)}: add a line of names, or "
            "name the column by dataset.label_column=..., dataset.split_column=... or dataset.group=..."
        )
    return [row[column] for row in sheet.rows]


def rows_of(path: Path) -> np.ndarray:
    """The rows of a .npy, as a map of it, or of the shards that a manifest lists, which are read as they are used."""
    return Shards(path) if path.suffix == ".json" else mapped(path)  # type: ignore[return-value]


def mapped(path: Path) -> np.ndarray:
    """The array in a .npy file, as a map of it.

    Raises:
        UserError: It is not there, or damaged.
    """
    try:
        return open_map(path)
    except FileNotFoundError:
        raise DataError(f"{path} is not there: it must lie beside the others.") from None
    except (ValueError, OSError, EOFError) as error:
        if "Python objects" in str(error):
            raise DataError(f"{path} holds Python objects, {OBJECTS}") from None
        raise DataError(f"{path} cannot be read as npy: {first_line(error)}.") from error


def chosen(vectors: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows at ascending positions; consecutive rows of a map stay mapped."""
    if len(at) and at[-1] - at[0] + 1 == len(at):
        return vectors[int(at[0]) : int(at[-1]) + 1]
    return vectors[at]
