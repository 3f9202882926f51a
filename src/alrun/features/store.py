"""The feature store: vectors of a data set's examples, computed once and found again by content.

A store is a folder under ``paths.features``, named by all that its vectors depend on: the examples, the network, the
hash of its weights, its preprocessing and the precision. It holds ``train_features.npy``, ``test_features.npy`` and,
written last, ``manifest.json``; until then its folder ``parts`` holds the rows of each part as they are computed.
"""

import hashlib
import json
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data import content
from alrun.data.dataset import ImageData, fingerprint
from alrun.data.mapping import open_map
from alrun.system import files
from alrun.system.errors import UserError

FORMAT = 1  # of a store and of the preprocessing; raise it when either changes
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Store:
    """A folder of features."""

    folder: Path
    identity: dict[str, Any]  # all that the vectors depend on
    counts: tuple[int, int]  # examples of the training and of the test split

    @classmethod
    def of(cls, root: str, data: ImageData, stated: dict[str, Any]) -> "Store":
        """The store under ``root`` of the examples of ``data``, for all that an encoder has ``stated``."""
        examples = {split: print_of(array) for split, array in zip(SPLITS, splits(data), strict=True)}
        identity = {"format": FORMAT, "examples": examples, **stated}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in str(stated["network"]))
        return cls(Path(root) / f"{name}-{digest}", identity, (len(data.train_labels), len(data.test_labels)))

    @property
    def manifest(self) -> Path:
        """What says that the store is whole."""
        return self.folder / "manifest.json"

    @property
    def precision(self) -> np.dtype:
        """The type of its numbers."""
        return np.dtype(self.identity["precision"])

    def file(self, split: str) -> Path:
        """The vectors of a split."""
        return self.folder / f"{split}_features.npy"

    def read(self) -> dict[str, Any] | None:
        """The manifest, None where the store is not there yet, or not whole.

        Raises:
            UserError: It is damaged, or of something else.
        """
        try:
            stored = json.loads(self.manifest.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            stored = {}
        if stored.get("identity") != self.identity:
            raise UserError(f"{self.manifest} is damaged: remove its folder, and features are computed again.")
        return stored

    def finish(self, dimension: int, hashes: dict[str, str], facts: dict[str, Any]) -> None:
        """Write the manifest: the files of both splits are there."""
        manifest = {"identity": self.identity, "dimension": dimension, "sha256": hashes, **facts}
        files.write_text(self.manifest, json.dumps(manifest, indent=1) + "\n")

    def open(self) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of both splits, mapped into memory.

        Raises:
            UserError: A file is not there, or of another size than it was written.
        """
        manifest, arrays = self.read(), []
        assert manifest is not None
        for split, count in zip(SPLITS, self.counts, strict=True):
            path = self.file(split)
            try:
                array = open_map(path) if count else np.load(path)
            except (OSError, ValueError):
                array = None
            if array is None or (array.shape, array.dtype) != ((count, manifest["dimension"]), self.precision):
                raise UserError(f"{path} is damaged: remove its folder, and features are computed again.")
            arrays.append(array)
        return arrays[0], arrays[1]

    def verify(self) -> None:
        """Read the vectors and compare them with the hashes that were noted.

        Raises:
            UserError: They differ.
        """
        manifest = self.read()
        assert manifest is not None
        for split, array in zip(SPLITS, self.open(), strict=True):
            if hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() != manifest["sha256"][split]:
                raise UserError(f"{self.file(split)} is damaged: remove its folder, and features are computed again.")


def splits(data: ImageData) -> tuple[np.ndarray, np.ndarray]:
    """The examples of both splits."""
    return data.train_images, data.test_images


_prints: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}  # of arrays that a sweep in one process shares


def print_of(array: np.ndarray) -> str:
    """``fingerprint``, made once of an array, which nobody changes."""
    known = _prints.get(id(array))
    if known is None or known[0]() is not array:
        known = _prints[id(array)] = weakref.ref(array), fingerprint([array])
    return known[1]


_stated: set[Path] = set()  # files of Known that this process wrote


class Known:
    """What an encoder stated before, by settings, version and files: a run then finds a store without the network.

    Files are alike by size, time and inode; with ``--verify`` each process asks the network once more.
    """

    def __init__(self, root: str, key: dict[str, Any] | None) -> None:
        digest = hashlib.sha256(json.dumps([FORMAT, key], sort_keys=True).encode()).hexdigest()[:16]
        self.path = None if key is None else Path(root) / "known" / f"{digest}.json"

    def read(self) -> dict[str, Any] | None:
        """What was stated, None where that is not known."""
        if self.path is None or (content.verify and self.path not in _stated):
            return None
        try:
            return json.loads(self.path.read_text())
        except (OSError, ValueError):
            return None

    def write(self, stated: dict[str, Any]) -> None:
        """Keep what was stated."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.write_text(self.path, json.dumps(stated, indent=1) + "\n")
            _stated.add(self.path)
