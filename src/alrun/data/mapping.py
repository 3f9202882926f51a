"""Arrays in files that are mapped into memory: pages come when they are read or asked for, and may be given back."""

import mmap
from pathlib import Path
from weakref import WeakSet

import numpy as np

AHEAD = 2**17  # bytes that a system reads around a page at least, when nobody has asked for it before

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


def ask_for(array: np.ndarray | None, index: np.ndarray) -> None:
    """Let the system read the rows of a mapped ``array`` at an ascending ``index`` (k,), where they lie far apart.

    It reads their pages alone and all at once. Without this, each row that is read waits for the disk, and brings along
    what lies around it: a thousand rows of 10 million took 4 GB and 18 s instead of 5 MB and 0.3 s. Nothing is done for
    rows that lie close together, since what is read ahead is then read anyway.
    """
    mapped = getattr(array, "_mmap", None)
    if array is None or mapped is None or mapped not in _ours or not hasattr(mmap, "MADV_WILLNEED") or not len(index):
        return
    each = array.strides[0]
    if abs(each) * (int(index[-1]) - int(index[0])) < AHEAD * len(index):
        return
    first = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    length = array[:1].nbytes
    for start in (first + each * index.astype(np.int64)).tolist():
        page = start - start % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, page, start + length - page)


def give_back(array: np.ndarray | None) -> None:
    """Take the pages of a mapped ``array`` out of this process; reading it again brings them back from the file.

    They stay in the system's cache as long as nothing else needs that memory. Without this, a pass over a map counts
    as memory of the process until the system is short of it. Arrays that ``open_map`` did not open stay as they are.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and mapped in _ours and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)
