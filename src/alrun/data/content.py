"""Hashes the files that settings name: in the name of a run, the content replaces the path. Imports no torch.

A file has the SHA-256 of its bytes, a folder that of the relative names and contents of its files. Hashes are kept
under ``<paths.outputs>/cache/content`` and computed again if a file's size, time of change or inode differs.
"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from alrun.data.image_table import existing_path
from alrun.data.manifest import read_manifest
from alrun.system import files, spreadsheet
from alrun.system.errors import DataError, UserError

LENGTH = 8  # hexadecimal digits of a hash in a name
MANY = 2**28  # bytes to read above which there is a progress bar

# Settings of alrun's own components that name a file or a folder.
PATHS = ("path", "test", "weights", "matrix")

verify = False  # read all files again, once in this process, also those with a known hash (--verify)
_verified: set[str] = set()  # files that were read again


def with_content_hashes(settings: dict[str, Any], data: str, outputs: str) -> dict[str, Any]:
    """``settings`` (plain values) with ``<name>-<hash of the content>`` for every file and folder that they name.

    A path that does not exist stays as it is: building the component refuses it with a sentence.

    Args:
        settings: Resolved settings.
        data: ``paths.data``.
        outputs: ``paths.outputs``, where hashes are kept.

    Raises:
        UserError: A file cannot be read.
    """
    cache = Path(outputs) / "cache" / "content"
    result = {key: replace_paths(value, cache) for key, value in settings.items() if key != "dataset"}
    if (first := settings.get("first_model")) and os.path.isfile(str(first)):
        result["first_model"] = name_of([Path(str(first))], cache)
    for group in ("shift", "open_set"):
        if isinstance(node := settings.get(group), dict) and "dataset" in node:
            result[group]["dataset"] = named_data(node["dataset"], Path(data), cache)
    return result | {"dataset": named_data(settings["dataset"], Path(data), cache)}


def named_data(dataset: Any, root: Path, cache: Path) -> Any:
    """The settings of a data set with ``<name>-<hash>`` instead of its files and folders."""
    found = files_of_data(dataset, root) if isinstance(dataset, dict) else []
    if not found:
        return replace_paths(dataset, cache)
    rest = {key: value for key, value in dataset.items() if key not in (*PATHS, "images", "labels_path", "manifest")}
    return rest | {"path": name_of_project(dataset, cache) if has_manifest(dataset) else name_of(found, cache)}


def has_manifest(dataset: dict[str, Any]) -> bool:
    """Whether the pool is that of a labeling project whose manifest is written."""
    return bool(dataset.get("manifest")) and os.path.exists(str(dataset["manifest"]))


def name_of_project(dataset: dict[str, Any], cache: Path) -> str:
    """The name of a growing pool: by the images that were there before the first query, and the test data."""
    entries = read_manifest(Path(str(dataset["manifest"]))).entries
    first = [(entry.file, entry.hash) for entry in entries if entry.round == 0]
    test = [Path(str(dataset["test"]))] if isinstance(dataset.get("test"), str) else []
    return name_of([Path(str(dataset["path"])), *(path for path in test if path.exists())], cache, first)


def replace_paths(node: Any, cache: Path) -> Any:
    """``node`` with ``<name>-<hash>`` instead of each path in it."""
    if not isinstance(node, dict):
        return node
    target = str(node.get("_target_", ""))
    result = {}
    for key, value in node.items():
        if isinstance(value, str) and names_a_file(target, str(key), value):
            result[key] = name_of([Path(value)], cache)
        else:
            result[key] = replace_paths(value, cache)
    return result


def names_a_file(target: str, key: str, value: str) -> bool:
    """Whether a setting holds a path: in alrun's components by its name, in others if such a file exists."""
    if key == "_target_" or not target or target.startswith("torch"):
        return False
    is_own = target.startswith("alrun.")
    return (key in PATHS if is_own else "/" in value or "." in value) and os.path.exists(value)


def files_of_data(dataset: dict[str, Any], root: Path) -> list[Path]:
    """Files and folders that hold a data set of alrun; none if its name already says what it holds."""
    name = str(dataset.get("_target_", "")).removeprefix("alrun.data.")
    paths = []
    match name:
        case "sources.torchvision_data" if dataset.get("source") == "packed":
            folder = {"FashionMNIST": "fashion_mnist"}.get(str(dataset["name"]), str(dataset["name"]).lower())
            paths = [root / folder / f"{folder}_jpeg.npz"]
        case "sources.tiny_imagenet":
            paths = [root / "tinyimagenet100_32" / "tinyimagenet100_32_jpeg.npz"]
        case "own.csv":
            paths = [Path(str(dataset["path"])), *files_of_csv(dataset)]
        case "vectors.features" if str(dataset["path"]).endswith(".npy"):
            labels = dataset.get("labels_path") or os.path.join(os.path.dirname(str(dataset["path"])), "labels.csv")
            paths = [Path(str(dataset["path"])), Path(str(labels))]
        case _ if name.startswith(("own.", "sources.", "tables.", "unlabeled_texts.", "vectors.")):
            paths = [Path(str(dataset[key])) for key in PATHS if isinstance(dataset.get(key), str)]
    return [path for path in paths if path.exists()]


def files_of_csv(dataset: dict[str, Any]) -> list[Path]:
    """The existing images that a CSV lists; what is wrong in it is reported when the data are read."""
    path = Path(str(dataset["path"]))
    base = path.parent if dataset.get("images") is None else Path(str(dataset["images"]))
    try:
        read = spreadsheet.read_sheet(path, str(path))
        column = read.column(str(dataset.get("path_column", "path"))) or ""
    except UserError:
        return []
    names = dict.fromkeys(row[column] for row in read.rows)
    found = [Path(existing_path(os.path.join(base, name))) for name in names if name]
    return [file for file in found if file.is_file()]


def name_of(paths: list[Path], cache: Path, first: Sequence[tuple[str, str]] | None = None) -> str:
    """``<name>-<hash>`` of several files and folders together, named after the first.

    ``first`` are relative names and hashes of the files in the first of ``paths``, where they are known.
    """
    total = hashlib.sha256()
    everything = [(relative, file) for path in paths[first is not None :] for relative, file in files_of(path)]
    digests = Hashes(cache_of(paths[0], cache)).of([file for _, file in everything])
    names = [relative for relative, _ in everything]
    for relative, found in [*(first or ()), *zip(names, digests, strict=True)]:
        total.update(f"{relative}\0{found}\0".encode())
    return f"{paths[0].resolve().stem}-{total.hexdigest()[:LENGTH]}"


def cache_of(path: Path, cache: Path) -> Path:
    """The file in ``cache`` with the hashes of the files at or under ``path``."""
    return cache / f"{hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]}.json"


def files_of(path: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and path of every visible regular file at or under ``path``, sorted by name, each once."""
    if not path.is_dir():
        yield "", path  # its name decides nothing
        return
    seen = set()
    for folder, inner, names in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():  # no pipe, no link to nowhere
                yield file.relative_to(path).as_posix(), file


class Hashes:
    """SHA-256 of files, kept in a JSON file by path, with size, time of change and inode."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError):
            content = json.loads(path.read_text())
            self.known = content if isinstance(content, dict) else {}

    def of(self, paths: list[Path]) -> list[str]:
        """The hash of each file, in order; files without a known hash are read.

        Raises:
            UserError: A file cannot be read.
        """
        keys, stamps = [os.path.realpath(path) for path in paths], [stamp(path) for path in paths]
        new = [
            position
            for position, (key, now) in enumerate(zip(keys, stamps, strict=True))
            if (verify and key not in _verified) or self.known.get(key, [None])[:-1] != now
        ]
        if new:
            size = sum(stamps[position][0] for position in new)
            hidden = size < MANY or not sys.stderr.isatty()  # tqdm must know at once, otherwise it shows 0% first
            bar = tqdm(
                total=size, desc="hashing the data, once", unit="B", unit_scale=True, leave=False, disable=hidden
            )
            with bar, ThreadPoolExecutor() as pool:
                for position, found in zip(new, pool.map(sha256, [paths[p] for p in new]), strict=True):
                    self.known[keys[position]] = [*stamps[position], found]
                    if verify:
                        _verified.add(keys[position])
                    bar.update(stamps[position][0])
            with suppress(UserError):  # a folder that cannot be written to only costs time
                files.write_text(self.path, json.dumps(self.known))
        return [self.known[key][-1] for key in keys]


def stamp(path: Path) -> list[int]:
    """Size, time of change and inode of a file, which change when the file does."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is not a file: name a file or a folder of files.")
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    try:
        return files.sha256(path)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """The sentence for a file that cannot be read."""
    return DataError(f"{path} cannot be read ({error.strerror}): give yourself the right to read it, or remove it.")
