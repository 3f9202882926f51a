"""The manifest of a labeling project: its pool grows by new images, loses none, and keeps its order.

``pool.csv`` has a line for each image, by its content, in the order in which they joined; lines are only added. The
number of a line is the image's index in the pool. ``changes.csv`` says which images were moved, removed or have
returned since. ``pixels.u8`` holds the images as they are trained on, in the same order: what is labeled stays in
the training set, whatever becomes of its file. ``alrun.data.growing_pool`` writes all three.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alrun.system import spreadsheet
from alrun.system.errors import DataError

POOL, CHANGES, PIXELS = "pool.csv", "changes.csv", "pixels.u8"
COLUMNS = ["id", "hash", "file", "round"]
EVENTS = ["round", "event", "id", "file"]


@dataclass(frozen=True)
class Entry:
    """An image as it joined: its hash, its path below the folder of the pool, and the first query it may be in."""

    hash: str
    file: str
    round: int


@dataclass
class Manifest:
    """The pool of a project: ``entries`` by index, where each file is now, and which files are gone."""

    path: Path
    entries: list[Entry] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)

    @property
    def first(self) -> int:
        """How many images were there before the first query."""
        return sum(entry.round == 0 for entry in self.entries)

    @property
    def files(self) -> list[str]:
        """Where each image is, or was when it was last seen, below the folder of the pool."""
        places = [entry.file for entry in self.entries]
        for event in self.events:
            places[int(event["id"])] = event["file"]
        return places

    @property
    def absent(self) -> list[bool]:
        """Whether the file of each image is gone."""
        gone = [False] * len(self.entries)
        for event in self.events:
            gone[int(event["id"])] = event["event"] == "removed"
        return gone


def read_manifest(path: Path) -> Manifest:
    """The manifest at ``path``; empty if there is none yet.

    Raises:
        UserError: It is damaged.
    """
    found = Manifest(path)
    for line, cells in rows_of(path, COLUMNS):
        if cells["id"] != str(len(found.entries)) or not cells["round"].isdecimal():
            raise DataError(f"{path}, line {line}: lines are only added to it, never changed: restore it from a copy.")
        check_inside(cells["file"], f"{path}, line {line}")
        found.entries.append(Entry(cells["hash"], cells["file"], int(cells["round"])))
    for line, cells in rows_of(path.with_name(CHANGES), EVENTS):
        if not cells["id"].isdecimal() or int(cells["id"]) >= len(found.entries):
            raise DataError(f"{path.with_name(CHANGES)}, line {line}: there is no image {cells['id']} in {path}.")
        check_inside(cells["file"], f"{path.with_name(CHANGES)}, line {line}")
        found.events.append(cells)
    return found


def check_inside(file: str, where: str) -> None:
    """Refuse a path that leads out of the folder of the pool: the manifest may come from somebody else.

    Raises:
        UserError: It does.
    """
    if not file or file.startswith("/") or ".." in file.split("/"):
        raise DataError(f"{where}: {file!r} is not a path below the folder of the pool: restore it from a copy.")


def rows_of(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and cells of a table; nothing where there is none."""
    if not path.exists():
        return
    read = spreadsheet.read_sheet(path, str(path))
    if read.header != list(columns):
        raise DataError(f"{path} must have the columns {','.join(columns)}: restore it from a copy.")
    yield from ((row.line, {column: row[column] for column in columns}) for row in read.rows)
