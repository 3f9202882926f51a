"""Counters of the energy that the hardware has used: a processor's (RAPL) and an NVIDIA GPU's (NVML)."""

import math
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch

POWERCAP = Path("/sys/class/powercap")


class NotMeasured(Exception):
    """The hardware has no reading, or not for this user; the message is the reason."""


class Source(Protocol):
    """A counter of joules."""

    name: str
    interval: float | None  # seconds within which it must be read again; None: any time will do

    def joules(self) -> float:
        """Joules used since this object was made.

        Raises:
            NotMeasured: The counter can no longer be read.
        """
        ...


class Rapl:
    """All processor packages and their memory, as Linux shows them; AMD's processors are there under Intel's name.

    Source: The Linux kernel's documentation of the power capping framework.
    """

    name = "rapl"
    interval: float | None = 60.0  # a counter may start again after 262 kJ, which a server uses in ten minutes

    def __init__(self, root: Path = POWERCAP) -> None:
        """Start to count.

        Raises:
            NotMeasured: There is no counter, or this user may not read it.
        """
        self.domains = [path for path in sorted(root.glob("intel-rapl:*")) if is_counted(path)]
        if not self.domains:
            raise NotMeasured(f"{root} has no counter of a processor; virtual machines and containers hide it")
        self.full = [number_in(path / "max_energy_range_uj") for path in self.domains]
        self.last = self.read()
        self.total = 0

    def read(self) -> list[int]:
        """The counters, in microjoules."""
        return [number_in(path / "energy_uj") for path in self.domains]

    def joules(self) -> float:
        """Joules used since this object was made; see Source."""
        now = self.read()
        for before, after, full in zip(self.last, now, self.full, strict=True):
            self.total += after - before + (full if after < before else 0)  # else it has started again
        self.last = now
        return self.total / 1e6


def is_counted(domain: Path) -> bool:
    """Whether a power domain is a package or its memory; others (cores, the whole board) overlap with these."""
    try:
        name = (domain / "name").read_text().strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"


def number_in(path: Path) -> int:
    """The number in a kernel's file.

    Raises:
        NotMeasured: It cannot be read.
    """
    try:
        return int(path.read_text())
    except PermissionError:
        raise NotMeasured(f"this user may not read {path}; an administrator can allow it: chmod a+r {path}") from None
    except (OSError, ValueError) as error:
        raise NotMeasured(f"{path} cannot be read ({error})") from error


class Nvml:
    """A GPU, by the counter of its board, or by its power ten times a second where it has none (before Volta).

    Source: NVIDIA's NVML API reference, nvmlDeviceGetTotalEnergyConsumption and nvmlDeviceGetPowerUsage.
    """

    name = "nvml"

    def __init__(self, uuid: str) -> None:
        """Start to count.

        Raises:
            NotMeasured: The bindings are not installed, or the driver or GPU has no reading.
        """
        try:
            import pynvml  # pyright: ignore[reportMissingImports] - an extra
        except ImportError:
            raise NotMeasured("the GPU's counter needs nvidia-ml-py: pip install 'alrun[energy]'") from None
        self.nvml: Any = pynvml
        self.total = 0.0
        self.asked, self.watts = perf_counter(), math.nan
        try:
            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            try:
                self.start = pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
                self.interval: float | None = None
            except pynvml.NVMLError_NotSupported:
                self.watts = pynvml.nvmlDeviceGetPowerUsage(self.handle) / 1e3
                self.interval = 0.1
        except pynvml.NVMLError as error:
            raise NotMeasured(f"the GPU does not report its energy ({error})") from error

    def joules(self) -> float:
        """Joules used since this object was made; see Source."""
        try:
            if self.interval is None:
                return (self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) - self.start) / 1e3
            watts = self.nvml.nvmlDeviceGetPowerUsage(self.handle) / 1e3
        except self.nvml.NVMLError as error:
            raise NotMeasured(f"the GPU no longer reports its energy ({error})") from error
        now = perf_counter()
        self.total += (now - self.asked) * (watts + self.watts) / 2  # trapezoids
        self.asked, self.watts = now, watts
        return self.total


def of_gpu(device: torch.device) -> Nvml:
    """The counter of a CUDA device; torch's numbers are not NVML's where CUDA_VISIBLE_DEVICES chooses.

    Raises:
        NotMeasured: See Nvml.
    """
    return Nvml(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
