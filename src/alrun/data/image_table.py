"""Reads a table that lists images: its columns, and the files that it names."""

import os
from dataclasses import dataclass
from pathlib import Path

from alrun.data.image_listing import NO_FILE, Found, Key, key_of
from alrun.system import spreadsheet
from alrun.system.errors import DataError


@dataclass
class Table:
    """The images of a CSV, with their lines, splits and groups."""

    found: Found
    lines: list[int]
    splits: list[str] | None  # None: there is no such column
    groups: list[str] | None


def read_image_table(
    path: Path,
    images: str | None,
    path_column: str,
    label_column: str,
    split_column: str = "split",
    group_column: str | None = None,
) -> Table:
    """The images that a CSV lists, each once.

    Raises:
        UserError: The file or a line of it cannot be used; the sentence names the line.
    """
    what = f"dataset.path={path}"
    base = path.parent if images is None else Path(images)
    read = spreadsheet.read_sheet(path, what)
    columns = {}
    for setting, name in (("path_column", path_column), ("label_column", label_column), ("group", group_column)):
        if name is None:
            continue
        column = read.column(name)
        if column is None:
            there = ", ".join(filter(None, read.header)) or "none"
            raise DataError(
                f"{what} has no column {name}: name its columns by dataset.path_column=... and "
                f"dataset.label_column=... (and dataset.group=...), from {there}."
            )
        columns[setting] = column
    split = read.column(split_column)
    made = Table(Found(), [], None if split is None else [], None if group_column is None else [])
    first: dict[Key, int] = {}
    repeated: list[tuple[int, int]] = []
    for row in read.rows:
        here = f"{what}, line {row.line}"
        name, label = row[columns["path_column"]], row[columns["label_column"]]
        if not name or not label:
            raise DataError(f"{here}: its {columns['path_column' if not name else 'label_column']} is empty.")
        file = existing_path(os.path.join(base, name))
        key = key_of(file)
        if key is None or key == NO_FILE:
            reason = f"there is no file {file}" if key is None else f"{file} is not a file that can hold an image"
            raise DataError(f"{here}: {reason}.")
        written = row[split] if split is not None else ""
        if key in first:
            other = first[key]
            for word, mine, theirs in (
                ("", label, made.found.labels[other]),
                ("in the split ", written, (made.splits or {other: ""})[other] if made.splits else ""),
            ):
                if mine != theirs:
                    raise DataError(
                        f"{here}: {name} is {word}{mine} here, but {theirs} in line {made.lines[other]}: "
                        "keep one of them."
                    )
            repeated.append((made.lines[other], row.line))
            continue
        first[key] = len(made.lines)
        made.found.paths.append(file)
        made.found.keys.append(key)
        made.found.labels.append(label)
        made.lines.append(row.line)
        if made.splits is not None:
            made.splits.append(written)
        if made.groups is not None:
            if not row[columns["group"]]:
                raise DataError(f"{here}: its {columns['group']} is empty.")
            made.groups.append(row[columns["group"]])
    if not made.lines:
        raise DataError(f"{what} lists no image.")
    if repeated:
        made.found.passed[f"second line for an image (line {repeated[0][1]} as line {repeated[0][0]})"] = len(repeated)
    return made


def existing_path(path: str) -> str:
    """The path; with slashes instead of backslashes (as Windows writes) if only that is a file."""
    turned = path.replace("\\", "/")
    return turned if turned != path and not os.path.lexists(path) and os.path.exists(turned) else path
