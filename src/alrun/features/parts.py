"""Parts of a store while it is computed: rows on the disk as they come, so that nothing is computed twice."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from alrun.features.store import SPLITS, Store
from alrun.system import files
from alrun.system.errors import UserError

MEGABYTE = 2**20
SECONDS = 10  # between two times at which rows are made to survive a power cut


class Part:
    """The ``number``-th (from 1) of ``of`` parts of a store's examples, the training split first."""

    def __init__(self, store: Store, number: int, of: int) -> None:
        total = sum(store.counts)
        self.start, self.stop = (total * each // of for each in (number - 1, number))
        self.precision = store.precision
        self.boundary = store.counts[0]
        self.path = store.folder / "parts" / f"{number}-of-{of}.rows"
        self.note = self.path.with_suffix(".json")

    def noted(self) -> dict[str, Any]:
        """What is noted of its rows: their dimension and, when all are there, their hash."""
        with suppress(OSError, ValueError):
            return json.loads(self.note.read_text())
        return {}

    @property
    def is_done(self) -> bool:
        """Whether all rows are there."""
        return "sha256" in self.noted() and self.path.exists()

    def batches(self, size: int) -> list[slice]:
        """Slices of all examples, in order; none reaches from one split into the other."""
        edges = [self.start, *([self.boundary] if self.start < self.boundary < self.stop else []), self.stop]
        return [
            slice(first, min(first + size, stop))
            for start, stop in pairwise(edges)
            for first in range(start, stop, size)
        ]

    def left(self, size: int) -> list[slice]:
        """Batches that are not on the disk yet; what is there of a batch that was not finished is taken off."""
        batches, dimension = self.batches(size), self.noted().get("dimension")
        if not dimension or not self.path.exists():
            return batches
        row = dimension * self.precision.itemsize
        have = self.start + self.path.stat().st_size // row
        left = [batch for batch in batches if batch.stop > have]
        kept = (left[0].start if left else self.stop) - self.start
        os.truncate(self.path, kept * row)
        return left

    def write(self, vectors: Iterator[np.ndarray], facts: dict[str, Any]) -> None:
        """Append ``vectors``, some rows at a time, to what is there; then note ``facts`` and the hash of all.

        Raises:
            UserError: They have another number of dimensions than those that are there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        dimension, started = self.noted().get("dimension"), monotonic()
        synced = started
        if dimension is None:
            self.path.unlink(missing_ok=True)
        with self.path.open("ab") as file:
            for block in vectors:
                if dimension is None:
                    dimension = block.shape[1]
                    files.write_text(self.note, json.dumps({"dimension": dimension}))
                if block.shape[1] != dimension:
                    raise UserError(
                        f"encoder: it made vectors of {dimension} and of {block.shape[1]} numbers: all examples must "
                        "have vectors of one length."
                    )
                file.write(np.ascontiguousarray(block, self.precision).data)
                if monotonic() - synced > SECONDS:
                    file.flush()
                    os.fsync(file.fileno())
                    synced = monotonic()
            file.flush()
            os.fsync(file.fileno())
        if self.path.stat().st_size != (self.stop - self.start) * (dimension or 0) * self.precision.itemsize:
            raise UserError(f"{self.path} has not as many rows as it must: remove it, and run alrun embed again.")
        facts = {"dimension": dimension, "sha256": files.sha256(self.path), "seconds": monotonic() - started, **facts}
        files.write_text(self.note, json.dumps(facts))

    def forget(self) -> None:
        """Remove it."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def missing(store: Store, of: int) -> list[int]:
    """Numbers of the parts whose rows are not all there."""
    return [number for number in range(1, of + 1) if not Part(store, number, of).is_done]


def join(store: Store, of: int, facts: dict[str, Any]) -> None:
    """Make one file a split of all parts, each of which is compared with the hash that was noted of it.

    Raises:
        UserError: A part is damaged; it is removed, and the others are kept.
    """
    parts = [part for part in (Part(store, number, of) for number in range(1, of + 1)) if part.stop > part.start]
    notes = [part.noted() for part in parts]
    for part, note in zip(parts, notes, strict=True):
        if files.sha256(part.path) != note["sha256"]:
            part.forget()
            raise UserError(
                f"{part.path} was not as it had been written, and is removed: run alrun embed again; the other parts "
                "are kept."
            )
    dimensions = sorted({note["dimension"] for note in notes})
    if len(dimensions) != 1:
        raise UserError(f"{store.folder / 'parts'}: parts have vectors of {dimensions} numbers: remove that folder.")
    rows, row = Rows([part.path for part in parts]), dimensions[0] * store.precision.itemsize
    hashes = {}
    for split, count in zip(SPLITS, store.counts, strict=True):
        path, total = store.file(split).with_suffix(".writing"), hashlib.sha256()
        with path.open("wb") as file:
            kind = np.lib.format.dtype_to_descr(store.precision)
            header = {"descr": kind, "fortran_order": False, "shape": (count, dimensions[0])}
            np.lib.format.write_array_header_1_0(file, header)
            for block in rows.read(count * row):
                file.write(block)
                total.update(block)
            file.flush()
            os.fsync(file.fileno())
        path.replace(store.file(split))
        hashes[split] = total.hexdigest()
    rows.close()
    seconds = sum(note.get("seconds", 0.0) for note in notes)
    devices = sorted({note["device"] for note in notes if "device" in note})
    store.finish(dimensions[0], hashes, {**facts, "seconds": seconds, "devices": devices})
    shutil.rmtree(store.folder / "parts", ignore_errors=True)


class Rows:
    """The bytes of several files, read as if they were one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self.file = None

    def read(self, count: int) -> Iterator[bytes]:
        """The next ``count`` bytes, some at a time."""
        while count:
            if self.file is None:
                self.file = self.paths.pop(0).open("rb")
            block = self.file.read(min(count, MEGABYTE))
            if not block:
                self.file.close()
                self.file = None
                continue
            count -= len(block)
            yield block

    def close(self) -> None:
        """End it."""
        if self.file is not None:
            self.file.close()
