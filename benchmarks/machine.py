"""Peak speeds of this machine, for the floors of the benchmarks."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import torch
from torch.nn import functional as F

from alrun.selection.products import products
from alrun.system.device import synchronize

CPU = torch.device("cpu")


def matrix_product_speed(device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> float:
    """Operations a second of a matrix product on ``device``: the best of five, by the library of ``products``."""
    size, depth = (2048, 512) if device.type == "cpu" else (8192, 8192)
    left = torch.randn(size, depth, device=device, dtype=dtype)
    right = torch.randn(size, depth, device=device, dtype=dtype)

    def multiply() -> None:
        products(left, right)
        synchronize(device)

    multiply()
    return 2 * size * size * depth / best_of_five(multiply)


def arithmetic_speed(device: torch.device, precision: str) -> float:
    """Operations a second of a matrix product or of a 3x3 convolution, the faster, in ``training.precision``."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    count, width, side = (32, 256, 16) if device.type == "cpu" else (512, 512, 32)
    images = torch.randn(count, width, side, side, device=device, dtype=dtype)
    kernels = torch.randn(width, width, 3, 3, device=device, dtype=dtype)
    images, kernels = (each.contiguous(memory_format=torch.channels_last) for each in (images, kernels))

    def convolve() -> None:
        F.conv2d(images, kernels, padding=1)
        synchronize(device)

    convolve()
    operations = 2 * 9 * count * width**2 * side**2
    return max(matrix_product_speed(device, dtype), operations / best_of_five(convolve))


def memory_bandwidth(device: torch.device = CPU) -> float:
    """Bytes a second that a device reads, the best of five sums over 400 MB (4 GB on a GPU)."""
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
    """Append ``row`` to the CSV at ``path``, if not None; at once, so that a stopped benchmark keeps its rows."""
    if path is None:
        return
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)
