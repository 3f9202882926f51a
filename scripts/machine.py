"""What this machine can do at best, for the floors of the benchmarks."""

import csv
from collections.abc import Callable, Mapping
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


def memory_bandwidth(device: torch.device = CPU) -> float:
    """Bytes a second that a device reads, the best of five sums over 400 MB (4 GB of a GPU)."""
    numbers = torch.ones(100_000_000 if device.type == "cpu" else 1_000_000_000, device=device)

    def add() -> None:
        torch.sum(numbers)
        synchronize(device)

    add()
    return 4 * len(numbers) / best_of_five(add)


def best_of_five(work: Callable[[], object]) -> float:
    """Seconds of the fastest of five calls."""
    seconds = []
    for _ in range(5):
        started = perf_counter()
        work()
        seconds.append(perf_counter() - started)
    return min(seconds)


def add_row(path: Path | None, row: Mapping[str, object]) -> None:
    """Append ``row`` to the CSV at ``path``, if one is wanted; at once, so that a benchmark may be stopped."""
    if path is None:
        return
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)
