"""Training and test examples on the disk: where each image is, and its class."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alrun.system.errors import DataError, first_line

UNKNOWN = -1  # the label of an example that nobody has labeled


class Source(Protocol):
    """Images, by position."""

    def name(self, position: int) -> str:
        """The name of an image in a sentence: its file."""
        ...

    def content(self, position: int) -> bytes | None:
        """The bytes of an image's file; None: they are in the file ``name``."""
        ...

    def stamp(self) -> list[Any]:
        """Plain values that change when an image does, without reading any image."""
        ...


@dataclass(frozen=True)
class Split:
    """Some images of a source in some order, and their classes."""

    source: Source
    index: np.ndarray  # (n,) positions in the source
    labels: np.ndarray  # (n,) int64
    groups: np.ndarray | None = None  # (n,) what belongs together: a patient, a video

    def __len__(self) -> int:
        return len(self.index)

    def part(self, chosen: np.ndarray) -> "Split":
        """The examples at ``chosen``."""
        groups = None if self.groups is None else self.groups[chosen]
        return Split(self.source, self.index[chosen], self.labels[chosen], groups)

    def names(self) -> list[str]:
        """The names of all images of the split."""
        return [self.source.name(int(position)) for position in self.index]


class Files:
    """Images in files of their own; ``keys`` identify the file of each path, None if it is not known."""

    def __init__(self, paths: Sequence[str], keys: Sequence[Any] | None = None) -> None:
        self.paths = paths
        self.keys = keys if keys is not None else [None] * len(paths)

    def name(self, position: int) -> str:
        """The path of an image."""
        return self.paths[position]

    def content(self, position: int) -> None:
        """None: the bytes are in the file."""

    def stamp(self) -> list[Any]:
        """Paths, sizes and times of change."""
        return [changed(path) for path in self.paths]


class ParquetRows:
    """Images in a column of Parquet files, as the Hugging Face libraries write them; one row group in memory.

    Raises:
        UserError: A file cannot be read, or has no such columns.
    """

    def __init__(
        self, paths: Sequence[Path], image_column: str, label_column: str, group_column: str | None = None
    ) -> None:
        try:
            import pyarrow.parquet
        except ImportError:
            raise DataError("dataset=parquet needs the pyarrow package: pip install 'alrun[parquet]'.") from None
        self.paths, self.column = paths, image_column
        self.groups: list[tuple[int, int]] = []  # file and row group
        self.first: list[int] = []  # row of each file
        starts, labels, self.class_names = [0], [], None
        self.belongs: list[Any] = []  # what the group column holds
        columns = [image_column, label_column, *([] if group_column is None else [group_column])]
        self.files = []
        for number, path in enumerate(paths):
            try:
                file = pyarrow.parquet.ParquetFile(path)
                if absent := [name for name in columns if name not in file.schema_arrow.names]:
                    raise DataError(
                        f"{path} has no column {absent[0]}: name its columns by dataset.image_column=... and "
                        f"dataset.label_column=... (and dataset.group=...), from {', '.join(file.schema_arrow.names)}."
                    )
                labels += file.read([label_column]).column(0).to_pylist()
                if group_column is not None:
                    self.belongs += file.read([group_column]).column(0).to_pylist()
            except (OSError, pyarrow.ArrowException) as error:
                raise DataError(f"dataset.path: {path} cannot be read as Parquet ({first_line(error)}).") from error
            self.first.append(starts[-1])
            for group in range(file.num_row_groups):
                self.groups.append((number, group))
                starts.append(starts[-1] + file.metadata.row_group(group).num_rows)
            self.files.append(file)
            self.class_names = self.class_names or declared_classes(file.schema_arrow, label_column)
        self.starts = np.array(starts)
        self.labels: list[Any] = labels
        self.kept: tuple[int, Any] = (-1, None)  # the row group that was read last

    def name(self, position: int) -> str:
        """The file and the row of an image."""
        number, _ = self.groups[self.group_of(position)]
        return f"{self.paths[number]}, row {position - self.first[number]}"

    def group_of(self, position: int) -> int:
        """The row group that holds a row."""
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def content(self, position: int) -> bytes:
        """The bytes of an image's file; its row group is read and kept."""
        where = self.group_of(position)
        if self.kept[0] != where:
            number, group = self.groups[where]
            self.kept = where, self.files[number].read_row_group(group, columns=[self.column]).column(0)
        value = self.kept[1][position - int(self.starts[where])].as_py()
        stored = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(stored, bytes):
            return stored
        raise DataError(f"dataset: {self.name(position)} holds no bytes of an image; store the images in the file.")

    def stamp(self) -> list[Any]:
        """The column, and paths, sizes and times of change."""
        return [self.column, *(changed(path) for path in self.paths)]


def declared_classes(schema: Any, column: str) -> list[str] | None:
    """The class names that the Hugging Face libraries store beside the columns; None without them."""
    try:
        noted = json.loads(schema.metadata[b"huggingface"])
        return noted["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return None


def changed(path: str | Path) -> list[Any]:
    """Path, size and time of change of a file, which differ for another file."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise DataError(f"dataset: {path} cannot be read ({error.strerror}).") from error
    return [str(path), found.st_size, found.st_mtime_ns]
