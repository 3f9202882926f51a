"""The fingerprint of data in large mapped files, kept: hashing 8 GB at each start takes longer than a selection."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data import content
from alrun.data.dataset import ImageData, fingerprint
from alrun.data.row_checks import refuse_lost
from alrun.system import files
from alrun.system.errors import UserError


def kept_fingerprint(data: ImageData, cache: Path) -> str:
    """``data.fingerprint()``; where it reads much, from ``cache``, as long as size, time and inode of files are alike.

    As with the hashes of files (alrun.data.content), ``--verify`` reads everything again.

    Raises:
        UserError: Rows of large files are not finite.
    """
    arrays = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    large = sum(array.nbytes for array in arrays if getattr(array, "filename", None) is not None)
    if large < content.MANY or data.content is not None or data.first is not None:
        return data.fingerprint()
    key = json.dumps([state_of(array) for array in arrays])
    path = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}-fingerprint.json"
    if not content.verify:
        with suppress(OSError, ValueError, KeyError):
            return json.loads(path.read_text())["fingerprint"]
    found = data.fingerprint()
    if data.is_vectors:  # this is the only time that all of them are read
        for split, array in (("training", data.train_images), ("test", data.test_images)):
            refuse_lost(array, f"dataset, {split} split", large=True)
    with suppress(UserError):  # a folder that cannot be written to only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps({"fingerprint": found, "of": json.loads(key)}) + "\n")
    return found


def state_of(array: np.ndarray) -> list[Any]:
    """What decides the content of an array: the file, its stamp and the place in it; of one in memory, its hash."""
    name, mapped = getattr(array, "filename", None), getattr(array, "_mmap", None)
    if name is None or mapped is None:
        return [fingerprint([array])]
    start = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    path = Path(name).resolve()
    return [str(path), *content.stamp(path), start, list(array.shape), list(array.strides), array.dtype.str]
