"""Lists images in folders without reading them."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alrun.data.layout import is_generic
from alrun.system.errors import DataError

# Endings of images; whether the content is an image shows when it is read.
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".ppm", ".pgm", ".pbm", ".pnm", ".bmp", ".dib", ".tif"),
    *(".tiff", ".webp", ".gif", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".tga", ".pcx", ".sgi", ".qoi"),
)
UNSEEN = ("__MACOSX",)  # macOS adds it to archives, with hidden files
SHOWN = 4  # of a longer list

Key = tuple[int, int]  # device and inode of a file, the same for all its names


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name."""
    return not name.startswith(".") and name.lower().endswith(ENDINGS)


@dataclass
class Found:
    """Images in files, each once, and counts of files that were skipped."""

    paths: list[str] = field(default_factory=list)
    keys: list[Key | None] = field(default_factory=list)  # None: the file is not accessible, as reading it will say
    labels: list[str] = field(default_factory=list)  # as they are written; empty if nobody has labeled them
    passed: Counter[str] = field(default_factory=Counter)  # skipped files by their ending or the reason

    def add(self, other: "Found") -> None:
        """Append the images and counts of ``other``."""
        self.paths += other.paths
        self.keys += other.keys
        self.labels += other.labels
        self.passed += other.passed


def folders_in(path: Path) -> list[str]:
    """Names of the visible folders in ``path``, sorted.

    Raises:
        UserError: It cannot be read.
    """
    try:
        with os.scandir(path) as found:
            folders = [entry.name for entry in found if entry.is_dir() and not is_hidden(entry.name)]
    except OSError as error:
        raise DataError(f"dataset.path={path}: it cannot be read ({error.strerror}).") from error
    return sorted(folders)


def is_hidden(name: str) -> bool:
    """Whether a folder or file is hidden, or was added by the system."""
    return name.startswith(".") or name in UNSEEN


def has_images(path: Path) -> bool:
    """Whether images are directly in a folder."""
    with os.scandir(path) as found:
        return any(is_image(entry.name) and not entry.is_dir() for entry in found)


def images_under(path: Path) -> Found:
    """All images under ``path``, at any depth, sorted by path; hidden files and folders are left out.

    Links are followed, except to a folder above or one that was visited before; a file with several names comes once.
    Pipes, sockets and devices are skipped.

    Raises:
        UserError: There are none, or a name is not text.
    """
    found: dict[str, Key | None] = {}
    passed: Counter[str] = Counter()
    seen: set[Key] = set()
    top = os.path.realpath(path)
    met = {top}
    waiting = [str(path)]
    while waiting:
        folder = waiting.pop()
        for entry in entries(folder):
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real in met or is_inside(top, real):
                    passed["link to a folder that is met elsewhere"] += 1
                else:
                    met.add(real)
                    waiting.append(entry.path)
            elif not is_image(entry.name):
                passed[os.path.splitext(entry.name)[1].lower() or "no ending"] += 1
            elif (key := key_of(entry.path)) is None:
                found[entry.path] = None
            elif key == NO_FILE:
                passed["pipe, socket or device"] += 1
            elif key in seen:
                passed["second name of a file"] += 1
            else:
                seen.add(key)
                found[entry.path] = key
    if not found:
        there = f"; there are {counts_in_words(passed)}" if passed else ""
        raise DataError(f"dataset.path={path}: there is no image under it ({', '.join(ENDINGS)}){there}.")
    try:
        "".join(found).encode()
    except UnicodeEncodeError:  # on a disk that was written with another encoding
        strange = next(name for name in found if not name.isprintable())
        raise DataError(f"dataset.path={path}: the name {strange!r} is not Unicode text: rename that file.") from None
    paths = sorted(found)
    return Found(paths, [found[each] for each in paths], [], passed)


NO_FILE: Key = (-1, -1)


def key_of(path: str) -> Key | None:
    """The key of a file; NO_FILE if it is not a regular file, None if it is not accessible."""
    try:
        known = os.stat(path)
    except OSError:
        return None
    return (known.st_dev, known.st_ino) if stat.S_ISREG(known.st_mode) else NO_FILE


def entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """The visible entries of a folder, by name; none if the folder is not there.

    Raises:
        UserError: It cannot be read.
    """
    try:
        with os.scandir(folder) as scanned:
            found = sorted(scanned, key=lambda entry: entry.name)
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise DataError(f"dataset: the folder {folder} cannot be read ({error.strerror}).") from error
    return (entry for entry in found if not is_hidden(entry.name))


def is_inside(path: str, other: str) -> bool:
    """Whether ``path`` is the folder ``other`` or lies in it."""
    return path == other or path.startswith(other.rstrip(os.sep) + os.sep)


def counts_in_words(counts: Counter[str]) -> str:
    """Counts as ``.txt 3, .db 1``."""
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def class_folders(path: Path, level: int | None = None) -> Found:
    """The images under ``path`` by class folder, then by path.

    Args:
        path: The folder of class folders.
        level: 1: the classes are the folders in ``path``; 2: the folders in these; None: 1, unless it is doubtful.

    Raises:
        UserError: There are fewer than two class folders, or it is not clear which folders are the classes.
    """
    names = folders_in(path)
    if not names:
        raise DataError(f"dataset.path={path}: there is no class folder in it.")
    if len(names) < 2:
        inner = path / names[0]
        deeper = f", or, if the classes are in it, dataset.path={inner}" if folders_in(inner) else ""
        raise DataError(f"dataset.path={path}: there is one class folder, {names[0]}; give two or more{deeper}.")
    found = {name: images_under(path / name) for name in names}
    inner = {name: {Path(each).relative_to(path / name).parts for each in some.paths} for name, some in found.items()}
    if level is None:
        check_level(path, inner)
    elif level == 2 and (flat := [name for name, parts in inner.items() if any(len(each) < 2 for each in parts)]):
        raise DataError(f"dataset.class_level=2: there are images directly in {path / flat[0]}, without a class.")
    whole = Found()
    for name, some in found.items():
        if level == 2:
            some.labels = [Path(each).relative_to(path / name).parts[0] for each in some.paths]
        else:
            some.labels = [name] * len(some.paths)
        whole.add(some)
    check_once(whole)
    return whole


def check_level(path: Path, inner: dict[str, set[tuple[str, ...]]]) -> None:
    """Refuse folders that are not named after the classes of the images in them.

    ``inner`` holds, for each folder, the paths of its images within it, in parts.

    Raises:
        UserError: All images are a level deeper, or the names say nothing about a class.
    """
    names = list(inner)
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    if all(is_generic(name) for name in names):
        raise DataError(
            f"dataset.path={path}: its folders {shown} are named for kinds of files, not for classes: name the one "
            "whose folders are the classes by dataset.path=..., or say that these are by dataset.class_level=1."
        )
    below = sorted({parts[0] for each in inner.values() for parts in each if len(parts) > 1})
    if any(len(parts) < 2 for each in inner.values() for parts in each) or all(map(is_generic, below)):
        return
    deeper = ", ".join(below[:SHOWN]) + (", ..." if len(below) > SHOWN else "")
    raise DataError(
        f"dataset.path={path}: the images of its folders {shown} all lie a level deeper, in {deeper}: say which are "
        "the classes, the former by dataset.class_level=1, the latter by dataset.class_level=2, or name another "
        "folder by dataset.path=..."
    )


def check_once(found: Found) -> None:
    """Refuse a file that is in two class folders; drop second names of a file in one.

    Raises:
        UserError: There is such a file; the sentence names both places.
    """
    first: dict[Key, int] = {}
    for position, key in enumerate(found.keys):
        if key is not None and found.labels[first.setdefault(key, position)] != found.labels[position]:
            raise DataError(
                f"dataset: {found.paths[first[key]]} and {found.paths[position]} are one file, and it cannot be "
                f"{found.labels[first[key]]} as well as {found.labels[position]}: keep one of them."
            )
    twice = [position for position, key in enumerate(found.keys) if key is not None and first[key] != position]
    if twice:
        found.passed["second name of a file"] += len(twice)
        for kept in (found.paths, found.keys, found.labels):
            for position in reversed(twice):
                del kept[position]
