"""Decoded images of a data set: in memory or, if they are too many, in a file that is mapped into memory.

A map is built once, by one process while others wait, and is identified by its images: a changed image makes
another map. After it is written, it is read again from the disk and must have the checksum of the decoded images.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from alrun.data.image_decoding import any_size, decode_image
from alrun.data.image_source import Split
from alrun.data.mapping import open_map
from alrun.system import files
from alrun.system.errors import DataError, StorageError, UserError
from alrun.system.lock import Lock

log = logging.getLogger(__name__)

FORMAT = 2  # of decoded images; raise it when decoding changes
BLOCK = 256  # images that are decoded before they are stored
MEGABYTE = 2**20


SHOWN = 10  # unreadable files that are named


class Unreadable(DataError):
    """Some images cannot be read; ``reasons`` has a sentence for each."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        if len(reasons) == 1:
            super().__init__(reasons[0])
            return
        parts = [reason.removeprefix("dataset: ").removesuffix("; fix or remove it.") for reason in reasons[:SHOWN]]
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        super().__init__(
            f"dataset: {len(reasons)} images cannot be used; fix or remove them: {'; '.join(parts)}{more}."
        )


def decode_images(split: Split, size: int, channels: int, white: float | None = None) -> np.ndarray:
    """All images of ``split``: (n, channels, size, size) uint8; ``white`` as in ``decode_image``.

    Raises:
        Unreadable: Some cannot be read.
    """
    images = np.empty((len(split), channels, size, size), np.uint8)
    done = 0
    for block in decode_blocks(split, size, channels, white):
        images[done : done + len(block)] = block
        done += len(block)
    return images


def map_images(split: Split, size: int, channels: int, folder: Path, white: float | None = None) -> np.ndarray:
    """The same images, mapped from a file in ``folder``, which is built unless it is there and whole.

    Raises:
        UserError: An image cannot be read, or the file cannot be written.
    """
    index = hashlib.sha256(split.index.astype(np.int64).tobytes()).hexdigest()
    content = json.dumps([FORMAT, split.source.stamp(), index, size, channels, white])
    path = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lock(path.with_suffix(".lock")):
            if not is_whole(path):
                build_map(split, size, channels, path, white)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}): free space there, or name another folder with "
            "paths.data=...; then the map is built again."
        ) from error
    return open_map(path)


def build_map(split: Split, size: int, channels: int, path: Path, white: float | None = None) -> None:
    """Decode all images into the file at ``path``, read it again and write its checksum beside it."""
    log.info("building the memory map %s of %d images, once", path, len(split))
    temporary, total = path.with_suffix(".part"), hashlib.sha256()
    shape = (len(split), channels, size, size)
    try:
        # Written, not mapped: a full disk then raises an error instead of killing the process.
        with temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for block in decode_blocks(split, size, channels, white):
                file.write(block.data)
                total.update(block.data)
            file.flush()
            os.fsync(file.fileno())  # otherwise a power cut could leave the name without the pixels
            drop_from_cache(file.fileno())
        if checksum(temporary) != total.hexdigest():
            raise DataError(f"{temporary} does not hold what was written to it: check the disk that has paths.data.")
        temporary.replace(path)
        files.sync_folder(path.parent)
        files.write_text(checksum_path(path), json.dumps({"sha256": total.hexdigest(), **stamp(path)}) + "\n")
    finally:
        temporary.unlink(missing_ok=True)


def drop_from_cache(descriptor: int) -> None:
    """Let the system drop its copy of a file, so that the next reader reads the disk."""
    if hasattr(os, "posix_fadvise"):  # on Linux
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def is_whole(path: Path) -> bool:
    """Whether the map at ``path`` is as it was built; if it was touched since, its checksum is compared."""
    with suppress(OSError, ValueError, KeyError):
        known: dict[str, Any] = json.loads(checksum_path(path).read_text())
        if {key: known[key] for key in ("size", "changed")} == stamp(path):
            return True
        if checksum(path) == known["sha256"]:
            files.write_text(checksum_path(path), json.dumps(known | stamp(path)) + "\n")
            return True
        log.warning("%s is damaged: it is built again", path)
    return False


def checksum_path(path: Path) -> Path:
    """The file with a map's checksum."""
    return path.with_suffix(".json")


def stamp(path: Path) -> dict[str, int]:
    """Size and time of change of a map."""
    found = path.stat()
    return {"size": found.st_size, "changed": found.st_mtime_ns}


def checksum(path: Path) -> str:
    """The SHA-256 of the pixels in the file at ``path``, read by megabytes."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("another format")
        np.lib.format.read_array_header_1_0(file)
        while part := file.read(MEGABYTE):
            total.update(part)
    return total.hexdigest()


def decode_blocks(split: Split, size: int, channels: int, white: float | None = None) -> Iterator[np.ndarray]:
    """The images of ``split`` in order, in blocks: (b, channels, size, size) uint8, contiguous.

    Raises:
        Unreadable: Some cannot be read; it is raised after all were tried.
    """
    source, positions = split.source, split.index.tolist()
    reasons: list[str] = []

    def made(file: tuple[str, bytes | None]) -> np.ndarray | UserError:
        try:
            return decode_image(*file, size, channels, white)
        except UserError as error:
            return error

    bar = tqdm(total=len(split), desc="reading images", unit="image", leave=False, disable=None)
    with bar, any_size(), ThreadPoolExecutor() as pool:
        for start in range(0, len(split), BLOCK):
            some = positions[start : start + BLOCK]
            # Read in this thread, since a source may allow only one reader; decoded in parallel.
            files_of = [(source.name(position), source.content(position)) for position in some]
            decoded = list(pool.map(made, files_of))
            bar.update(len(some))
            reasons += [str(each) for each in decoded if isinstance(each, UserError)]
            if not reasons:
                yield np.ascontiguousarray(np.stack([each for each in decoded if isinstance(each, np.ndarray)]))
    if reasons:
        raise Unreadable(reasons)
