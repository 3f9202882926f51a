"""Arrays in files that are mapped into memory: pages come when they are read, and may be given back."""

import mmap
from pathlib import Path
from weakref import WeakSet

import numpy as np

_ours: WeakSet[mmap.mmap] = WeakSet()  # maps that nobody writes to; a user's own code may write to its maps


def open_map(path: Path) -> np.ndarray:
    """The array in the .npy at ``path``, mapped. The map is private: torch needs writable memory, the file stays.

    Raises:
        OSError: It is not there.
        ValueError: It is damaged.
    """
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    if (mapped := getattr(array, "_mmap", None)) is not None:
        _ours.add(mapped)
    return array


def give_back(array: np.ndarray | None) -> None:
    """Take the pages of a mapped ``array`` out of this process; reading it again brings them back from the file.

    They stay in the system's cache as long as nothing else needs that memory. Without this, a pass over a map counts
    as memory of the process until the system is short of it. Arrays that ``open_map`` did not open stay as they are.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and mapped in _ours and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)
