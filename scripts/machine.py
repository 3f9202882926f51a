"""What this machine can do at best, for the floors of the benchmarks, and how much memory a process took."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch

from alrun.device import synchronize

CPU = torch.device("cpu")


def matrix_product_speed(device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> float:
    """Operations a second of a matrix product there, the best of five."""
    size, depth = (2048, 512) if device.type == "cpu" else (8192, 8192)
    left = torch.randn(size, depth, device=device, dtype=dtype)
    right = torch.randn(depth, size, device=device, dtype=dtype)

    def multiply() -> None:
        torch.mm(left, right)
        synchronize(device)

    multiply()
    return 2 * size * size * depth / best_of_five(multiply)


def memory_bandwidth() -> float:
    """Bytes a second that this machine reads, the best of five sums over 400 MB."""
    numbers = torch.ones(100_000_000)
    return 4 * len(numbers) / best_of_five(lambda: torch.sum(numbers))


def best_of_five(work: Callable[[], object]) -> float:
    """Seconds of the fastest of five calls."""
    seconds = []
    for _ in range(5):
        started = perf_counter()
        work()
        seconds.append(perf_counter() - started)
    return min(seconds)


def reset_peak() -> None:
    """Let the system's record of this process's peak memory start anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Peak resident memory since the last reset (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("peak memory is read from /proc, which this system lacks")
