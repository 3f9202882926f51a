"""Which device a run uses, in which precision and with how many CPU threads."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from alrun.system.energy import Cost, meter
from alrun.system.errors import SettingError


@contextmanager
def explaining_full_memory() -> Iterator[None]:
    """Turn an error of a GPU whose memory is full into a sentence that says what to do.

    Raises:
        SettingError: The memory is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SettingError(
            "the GPU's memory is full: lower runtime.chunk or training.batch_size, or use runtime.device=cpu."
        ) from error


def choose_device(name: str) -> torch.device:
    """The torch device for ``runtime.device``.

    Raises:
        UserError: The device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError(f"runtime.device={name} is not a device: give auto, cpu, cuda or cuda:<index>.") from None
    if device.type not in ("cpu", "cuda"):
        raise SettingError(f"runtime.device={name} is not supported: give auto, cpu, cuda or cuda:<index>.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise SettingError(
            f"runtime.device={name}: torch {torch.__version__} sees {found} GPUs; use runtime.device=cpu."
        )
    # The same run twice gives the same numbers: cuDNN must not choose algorithms by a race.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    return device


def set_deterministic(wanted: bool) -> None:
    """Let torch use only deterministic algorithms, and raise where it has none; slower on a GPU."""
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it, before its first use
    if wanted != torch.are_deterministic_algorithms_enabled():  # the call below imports torch's compiler, a second
        torch.use_deterministic_algorithms(wanted)


_autocasts = False  # to bfloat16, in this process


def set_precision(name: str) -> None:
    """Set the precision of all networks in this process, as torch's own switches do; selection stays in float32.

    ``float32``: everywhere. ``tf32``: a GPU's convolutions round their factors to 10 bits of mantissa, torch's own
    default; the same as float32 on a CPU. ``bf16``: matrix products and convolutions in bfloat16, weights and all
    else in float32.
    """
    global _autocasts
    torch.backends.cudnn.allow_tf32 = name != "float32"
    _autocasts = name == "bf16"


def autocast(device: torch.device) -> torch.autocast:
    """The context in which a network's passes run."""
    # The cache of cast weights would hold tensors of a captured graph.
    return torch.autocast(device.type, torch.bfloat16, enabled=_autocasts, cache_enabled=False)


def widened(outputs: torch.Tensor) -> torch.Tensor:
    """bfloat16 to float32; other types as they are."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


@cache
def granted_threads() -> int:
    """Threads that the environment or a launcher grants this process: torch's number before alrun changes it."""
    return torch.get_num_threads()


def prepare_process(precision: str, deterministic: bool, threads: int) -> None:
    """Let torch compute in this process as the settings of a run say."""
    set_precision(precision)
    set_deterministic(deterministic)
    set_threads(threads)


def set_threads(count: int) -> None:
    """Let torch use ``count`` threads."""
    granted_threads()
    torch.set_num_threads(count)


def usable_processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_choices() -> list[int]:
    """Numbers of CPU threads worth trying, the default first: half of the usable processors, one, and all of them.

    Two hardware threads share a core's arithmetic units, and using all leaves nothing for other processes.
    Where the environment allows fewer threads (OMP_NUM_THREADS, a launcher's share), no more are taken.
    """
    usable = usable_processors()
    return list(dict.fromkeys(min(granted_threads(), count) for count in (max(1, usable // 2), 1, usable)))


def chunk_size(device: torch.device, chunk: int | None, of_vectors: bool = False) -> int:
    """Examples per forward pass; the default keeps a CPU's caches or a GPU's cores busy.

    On a CPU, 500 images a pass take twice the time per image that 100 take: their activations leave the cache. Vectors
    have few of these.
    """
    return chunk or ((1000 if of_vectors else 100) if device.type == "cpu" else 1000)


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
    """Adds up the seconds and joules spent in ``with stopwatch:``, including those of work queued on ``device``."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.meter = meter(device)
        self.cost = Cost()
        self._started = Cost()

    def __enter__(self) -> None:
        synchronize(self.device)
        self._started = self.meter.now()

    def __exit__(self, *_: object) -> None:
        synchronize(self.device)
        self.cost += self.meter.now() - self._started


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that the clock counts its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
