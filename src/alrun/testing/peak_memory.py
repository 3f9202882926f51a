"""The peak memory of a process."""

import contextlib
import ctypes
from pathlib import Path

import torch

CPU = torch.device("cpu")


def reset_peak(device: torch.device = CPU) -> None:
    """Reset the record of peak memory: the system's for this process (Linux), or torch's for a GPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(AttributeError, OSError):  # not every C library has it
            ctypes.CDLL(None).malloc_trim(0)  # else freed memory would be reused without a new peak
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes(device: torch.device = CPU) -> int:
    """Peak memory since the last reset: resident (Linux), or allocated on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("peak memory is read from /proc, which this system lacks")
