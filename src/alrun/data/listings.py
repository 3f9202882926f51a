"""Lists of pictures that are not read yet: of folders, and of CSV files."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data.splits import Files, Split, numbered
from alrun.errors import UserError, first_line

# What is taken for a picture, by its name; what is no picture inside is told when it is read.
ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")


def is_picture(name: str) -> bool:
    """Whether a file is taken for a picture."""
    return not name.startswith(".") and name.lower().endswith(ENDINGS)


def pictures_under(path: Path) -> list[str]:
    """Paths of all pictures under ``path``, at any depth, sorted; hidden files and folders are left out.

    Raises:
        UserError: There is none.
    """
    found = []
    for folder, inner, names in os.walk(path, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [os.path.join(folder, name) for name in names if is_picture(name)]
    if not found:
        raise UserError(f"dataset.path={path}: there is no picture under it ({', '.join(ENDINGS)}).")
    try:
        "".join(found).encode()
    except UnicodeEncodeError:  # on a disk that was written with another encoding
        strange = next(name for name in found if not name.isprintable())
        raise UserError(f"dataset.path={path}: the name {strange!r} is no Unicode text: rename that file.") from None
    return sorted(found)


def class_folders(path: Path) -> tuple[Split, list[str]]:
    """The pictures under ``path`` by class folder, then by path, and the classes.

    Raises:
        UserError: There are no two class folders with pictures.
    """
    try:
        classes = sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"dataset.path={path}: it cannot be read ({error.strerror}).") from error
    if not classes:
        raise UserError(f"dataset.path={path}: there is no class folder in it.")
    if len(classes) < 2:
        raise UserError(f"dataset.path={path}: there is one class folder, {classes[0]}; give two or more.")
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        some = pictures_under(path / name)
        paths += some
        labels += [label] * len(some)
    return Split(Files(paths), np.arange(len(paths)), np.array(labels, np.int64)), classes


def table(
    path: Path, images: str | None, columns: Sequence[str], split_column: str
) -> tuple[Split, list[str], np.ndarray | None]:
    """The pictures that a CSV lists, the classes, and which split each is in (None: the CSV does not say).

    Raises:
        UserError: The file or a line of it cannot be used; the line is named.
    """
    base = path.parent if images is None else Path(images)
    paths, labels, splits = [], [], []
    seen: dict[str, tuple[str, int]] = {}  # label and line of every picture
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            separator = max(",;\t", key=file.readline().count)  # spreadsheets of many countries write semicolons
            file.seek(0)
            reader = csv.DictReader(file, delimiter=separator)
            header = list(reader.fieldnames or [])
            if absent := [name for name in columns if name not in header]:
                raise UserError(
                    f"dataset.path={path} has no column {absent[0]}: name its columns by dataset.path_column=... and "
                    f"dataset.label_column=..., from {', '.join(header) or 'none'}."
                )
            for row in reader:
                problem = problem_of(row, columns, split_column, base)
                if problem:
                    raise UserError(f"dataset.path={path}, line {reader.line_num}: {problem}.")
                name, label = (row[column].strip() for column in columns)
                other, line = seen.setdefault(name, (label, reader.line_num))
                if other != label:
                    raise UserError(
                        f"dataset.path={path}, line {reader.line_num}: {name} is {label} here, but {other} in line "
                        f"{line}: keep one of them."
                    )
                paths.append(os.path.join(base, name))
                labels.append(label)
                splits.append((row.get(split_column) or "").strip())
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"dataset.path={path} cannot be read as CSV: {first_line(error)}.") from error
    if not paths:
        raise UserError(f"dataset.path={path} lists no image.")
    numbers, classes = numbered(labels)
    split = Split(Files(paths), np.arange(len(paths)), numbers)
    return split, classes, np.array(splits) if split_column in header else None


def problem_of(row: dict[str, Any], columns: Sequence[str], split_column: str, base: Path) -> str | None:
    """Why a line cannot be used, None if it can."""
    name, label = ((row[column] or "").strip() for column in columns)
    if not name or not label:
        return f"its {columns[0] if not name else columns[1]} is empty"
    if not os.path.isfile(os.path.join(base, name)):
        return f"there is no file {os.path.join(base, name)}"
    if split_column in row and (row[split_column] or "").strip() not in ("train", "test"):
        return f"its {split_column} is {row[split_column]!r}, not train or test"
    return None
