"""Which device a run uses, with how many CPU threads; the only module beside engine.py that asks about CUDA."""

import os
import platform
from time import perf_counter

import torch

from alrun.errors import UserError


def choose(name: str) -> torch.device:
    """The torch device for ``runtime.device``.

    Raises:
        UserError: The device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"runtime.device={name} is no device: give auto, cpu, cuda or cuda:<index>.") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"runtime.device={name} is not supported: give auto, cpu, cuda or cuda:<index>.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UserError(f"runtime.device={name}: torch {torch.__version__} sees {found} GPUs; use runtime.device=cpu.")
    # The same run twice gives the same numbers: no algorithm is picked by a race.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    return device


def set_threads(threads: int | None) -> int:
    """Set and return the number of CPU threads; by default half of the usable processors, at least one.

    Two hardware threads share a core's arithmetic units, and torch's threads spin while they wait: with one on
    every processor, any other busy process slows training by an order of magnitude.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = threads or max(1, usable // 2)
    torch.set_num_threads(threads)
    return threads


def chunk_size(device: torch.device, chunk: int | None) -> int:
    """Images per forward pass; by default what keeps a CPU's caches or a GPU's cores busy.

    On a CPU, 500 images a pass take twice the time per image that 100 take: their activations leave the cache.
    """
    return chunk or (100 if device.type == "cpu" else 1000)


def describe(device: torch.device) -> str:
    """The hardware's name, for the record of a run."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


class Stopwatch:
    """Adds up the seconds spent in ``with stopwatch:``, those of work given to ``device`` included."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = 0.0
        self._started = 0.0

    def __enter__(self) -> None:
        synchronize(self.device)
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        synchronize(self.device)
        self.seconds += perf_counter() - self._started


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that a clock read next is honest."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
