"""Rows of one array in several files, shards, which a manifest lists with their hashes.

``train_features.json`` beside the shards is the manifest of the array ``train_features``: its type, its shape, and the
name, rows and SHA-256 of every shard, a .npy of consecutive rows.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from alrun.system import files
from alrun.system.errors import DataError

FIX = "copy it again from where it was written, or write all shards again"


class Shards:
    """An array (N, d) that is read as it is used: a slice or an index array reads the rows that it names.

    Raises:
        UserError: The manifest cannot be read, or a shard is missing.
    """

    ndim = 2

    def __init__(self, manifest: Path) -> None:
        self.filename = str(manifest)  # as a memory map's: see alrun.data.dataset.is_mapped
        try:
            content: dict[str, Any] = json.loads(manifest.read_text())
            self.shards = [(manifest.parent / each["file"], each["rows"], each["sha256"]) for each in content["shards"]]
            self.dtype = np.dtype(content["dtype"])
            self.shape = (sum(rows for _, rows, _ in self.shards), int(content["dimension"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{manifest} is not a manifest of shards: write them again.") from error
        missing = [path for path, _, _ in self.shards if not path.exists()]
        if missing:
            more = f", and {len(missing) - 1} more are" if len(missing) > 1 else " is"
            raise DataError(f"{missing[0]}{more} missing, which {manifest.name} lists: {FIX}.")
        self.edges = np.array([0, *accumulate(rows for _, rows, _ in self.shards)])
        self._maps: dict[int, np.ndarray] = {}
        self._verified: set[int] = set()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    @cached_property
    def content(self) -> str:
        """A hash of all rows, from the hashes of the manifest."""
        stated = json.dumps([self.dtype.name, self.shape, [each[1:] for each in self.shards]])
        return hashlib.sha256(stated.encode()).hexdigest()

    def shard(self, number: int) -> np.ndarray:
        """The rows of one shard, mapped into memory.

        Raises:
            UserError: It is not there any more, or not as it was written.
        """
        if number not in self._maps:
            path, rows, _ = self.shards[number]
            try:
                found = np.load(path, mmap_mode="r", allow_pickle=False)
            except FileNotFoundError:
                raise DataError(f"{path} is missing, which {Path(self.filename).name} lists: {FIX}.") from None
            except (OSError, ValueError, EOFError):
                found = None
            if found is None or (found.shape, found.dtype) != ((rows, self.shape[1]), self.dtype):
                raise DataError(f"{path} is damaged: {FIX}.")
            self._maps[number] = found
        return self._maps[number]

    def verify(self, start: int, stop: int) -> None:
        """Read the shards that hold the rows from ``start`` to before ``stop``, and compare their hashes, once each.

        Raises:
            UserError: A shard is missing or damaged.
        """
        first, last = np.searchsorted(self.edges, [start, stop - 1], side="right") - 1
        for number in range(first, last + 1):
            if number not in self._verified:
                path, _, wanted = self.shards[number]
                if hash_of(self.shard(number)) != wanted:
                    raise DataError(f"{path} is damaged, its SHA-256 is not that of its manifest: {FIX}.")
                self._verified.add(number)

    def __getitem__(self, at: slice | np.ndarray) -> np.ndarray:
        """The rows at ``at``, in memory: (k, d)."""
        index = np.arange(*at.indices(len(self))) if isinstance(at, slice) else np.asarray(at)
        index = np.where(index < 0, index + len(self), index)
        found = np.empty((len(index), self.shape[1]), self.dtype)
        owner = np.searchsorted(self.edges, index, side="right") - 1
        for number in np.unique(owner):
            here = owner == number
            found[here] = self.shard(int(number))[index[here] - self.edges[number]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, in memory."""
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)


def hash_of(rows: np.ndarray) -> str:
    """SHA-256 of the numbers of an array, without the header of its file."""
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()


def write(name: str, blocks: Iterable[np.ndarray], folder: Path) -> Path:
    """Write each of ``blocks``, consecutive rows (b, d) of the array ``name``, as a shard; returns the manifest's path.

    The manifest is written last, so that it lists only what is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Any]] = []
    kinds: Sequence[tuple[str, int]] = []
    for number, rows in enumerate(blocks, 1):
        path = folder / f"{name}-{number}.npy"
        np.save(path, np.ascontiguousarray(rows))
        shards.append({"file": path.name, "rows": len(rows), "sha256": hash_of(rows)})
        kinds = [*kinds, (rows.dtype.name, rows.shape[1])]
    if len(set(kinds)) != 1:
        raise DataError(f"{folder}: shards of {name} must have one type and one number of columns.")
    (dtype, dimension) = kinds[0]
    manifest = folder / f"{name}.json"
    content = {"dtype": dtype, "dimension": dimension, "shards": shards}
    files.write_text(manifest, json.dumps(content, indent=1) + "\n")
    return manifest
