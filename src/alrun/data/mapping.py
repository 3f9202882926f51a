"""Arrays in files that are mapped into memory: pages come when they are read or asked for, and may be given back."""

import mmap
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

FAR = 2**15  # bytes from row to row, on average, from which on it is faster to ask for each than to read all between

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


def ask_for(rows: "Tensor", index: "Tensor") -> None:
    """Let the system read the ``rows`` (N, ...) of a mapped file at ``index`` (k,), where they lie far apart.

    It reads their pages alone and all at once. Without this, each row that is read waits for the disk, and brings along
    what lies around it: a thousand rows of 10 million took 4 GB and 18 s instead of 5 MB and 0.3 s. Nothing is done for
    rows that lie close together, since what is read ahead is then read anyway, nor for rows in memory.
    """
    if not _ours or not getattr(rows, "is_cpu", False) or not len(index) or not hasattr(mmap, "MADV_WILLNEED"):
        return
    each, length = rows.stride(0) * rows.element_size(), rows[0].nbytes
    if each * int(index.max() - index.min()) < FAR * len(index):
        return
    for mapped in list(_ours):
        first = rows.data_ptr() - np.frombuffer(mapped, np.uint8).ctypes.data
        if 0 <= first < len(mapped):
            for start in (first + each * index.sort().values).tolist():
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
