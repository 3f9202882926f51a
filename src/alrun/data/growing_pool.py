"""A pool that grows: looks for new images and for removed ones, and keeps what images are trained on."""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alrun.data.image_listing import images_under
from alrun.data.image_source import Files, Split
from alrun.data.manifest import CHANGES, COLUMNS, EVENTS, PIXELS, Entry, Manifest, read_manifest
from alrun.data.memory_map import Unreadable, decode_blocks
from alrun.system import files
from alrun.system.errors import DataError, StorageError

BLOCK = 256  # images that are decoded before they are written


def images_of(known: Manifest, size: int, channels: int, memory_map: bool = False) -> np.ndarray:
    """The images of a manifest as they are trained on: (N, channels, size, size) uint8.

    Raises:
        UserError: The file that holds them is damaged.
    """
    path, shape = known.path.parent / PIXELS, (len(known.entries), channels, size, size)
    try:
        if memory_map:
            return np.memmap(path, np.uint8, "c", shape=shape)
        return np.fromfile(path, np.uint8, int(np.prod(shape))).reshape(shape)
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} must hold {shape[0]} images of {channels} x {size} x {size} bytes, and does not: "
            "restore it from a copy of the project."
        ) from error


@dataclass
class Changes:
    """What an update found, as paths; ``unreadable`` are sentences."""

    joined: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def update(
    path: Path,
    folder: Path,
    round: int,
    size: int,
    channels: int,
    white: float | None,
    hash_files: Callable[[list[Path]], list[str]],
) -> Changes:
    """Write into the manifest at ``path`` what has changed under ``folder`` since it was last written.

    Images that cannot be read do not join; they are looked at again the next time.

    Args:
        path: ``pool.csv``; the caller holds the project's lock.
        folder: Of the images.
        round: The next query: the first that new images may be in. The seed set is drawn from those that were there
            first, whatever joins until then.
        size: Pixels of a side, as they are trained on.
        channels: 1 for gray, 3 for color.
        white: The value that is white in the files.
        hash_files: The hash of each of some files.

    Raises:
        UserError: No image that is known is left, or a file cannot be written.
    """
    known, found = read_manifest(path), images_under(folder)
    readable = [at for at, name in enumerate(found.paths) if os.access(name, os.R_OK)]
    names = [found.paths[at] for at in readable]
    hashes = hash_files([Path(name) for name in names])
    relative = [Path(name).relative_to(folder).as_posix() for name in names]
    places, gone = known.files, known.absent
    here = matched(known, places, relative, hashes)
    if known.entries and not here:
        raise DataError(
            f"dataset.path={folder}: none of the {len(known.entries)} images of {path} is there: name the folder "
            "where they are now by dataset.path=..."
        )
    changes, events = Changes(), []
    for index, place in enumerate(places):
        at = here.get(index)
        kind = ("" if gone[index] else "removed") if at is None else "returned" if gone[index] else "moved"
        now = place if at is None else relative[at]
        if kind and (kind != "moved" or now != place):
            events.append({"round": str(round), "event": kind, "id": str(index), "file": now})
            getattr(changes, kind).append(now)
    taken = set(here.values())
    new = [at for at in range(len(names)) if at not in taken]
    changes.unreadable += [f"{name} cannot be read." for name in set(found.paths) - set(names)]
    entries = append_pixels(known, [names[at] for at in new], size, channels, white, changes)
    joined = [new[at] for at in entries]
    changes.joined = [relative[at] for at in joined]
    if joined or not path.exists():
        since = max(round, 1) if known.entries else 0
        rows = [*known.entries, *(Entry(hashes[at], relative[at], since) for at in joined)]
        if not rows:
            raise DataError(f"dataset.path={folder}: no image under it can be read. {changes.unreadable[0]}")
        table = [{"id": id, **vars(entry)} for id, entry in enumerate(rows)]
        files.write_csv(path, COLUMNS, table)
    if events:
        files.write_csv(path.with_name(CHANGES), EVENTS, [*known.events, *events])
    return changes


def matched(known: Manifest, places: Sequence[str], relative: Sequence[str], hashes: Sequence[str]) -> dict[int, int]:
    """Which of the files that are there is which entry: by content; of equal ones, first those that did not move."""
    at_place = {
        (entry.hash, place): index for index, (entry, place) in enumerate(zip(known.entries, places, strict=True))
    }
    here = {}
    for at, key in enumerate(zip(hashes, relative, strict=True)):
        if key in at_place:
            here[at_place[key]] = at
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for index, entry in enumerate(known.entries):
        if index not in here:
            waiting[entry.hash].append(index)
    taken = set(here.values())
    for at, digest in enumerate(hashes):
        if at not in taken and waiting[digest]:
            here[waiting[digest].popleft()] = at
    return here


def append_pixels(
    known: Manifest, names: Sequence[str], size: int, channels: int, white: float | None, changes: Changes
) -> list[int]:
    """Add the images of files to the pixels of a manifest; returns the positions of those that can be read.

    What a killed process added, and no line speaks of, is overwritten.
    """
    path, row = known.path.parent / PIXELS, channels * size * size
    if not names and known.entries:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    good: list[int] = []
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            file.seek(len(known.entries) * row)
            file.truncate()
            for start in range(0, len(names), BLOCK):
                some = range(start, min(start + BLOCK, len(names)))
                for at, image in zip(some, decoded([names[at] for at in some], size, channels, white), strict=True):
                    if isinstance(image, str):
                        changes.unreadable.append(image)
                        continue
                    file.write(image.tobytes())
                    good.append(at)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror or error}): free space there.") from error
    return good


def decoded(names: Sequence[str], size: int, channels: int, white: float | None) -> list[np.ndarray | str]:
    """The images of files, and a sentence for each that cannot be read."""

    def of(some: Sequence[str]) -> list[np.ndarray]:
        split = Split(Files(some), np.arange(len(some)), np.zeros(len(some), np.int64))
        return [image for block in decode_blocks(split, size, channels, white) for image in block]

    try:
        return [*of(names)]
    except Unreadable as error:
        if len(names) == 1:
            return [error.reasons[0]]
        return [each for name in names for each in decoded([name], size, channels, white)]
