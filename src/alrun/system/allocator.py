"""Memory that the C library keeps for the next step, instead of giving it back to the system after each one."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
BLOCK = 32 * 2**20  # bytes of a block that is given back at once: the most that glibc accepts
KEPT = 256 * 2**20  # free bytes that may be kept


def keep_freed_memory() -> bool:
    """Let this process keep up to ``KEPT`` free bytes; whether the C library is one that can.

    A training step frees its activations, and the next one needs as much. By default glibc returns them, so that the
    system must find and clear each page again, which small networks on a CPU wait for. Results are the same.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, BLOCK)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
