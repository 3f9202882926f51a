"""What a step costs: seconds and joules. Joules count everything that runs on the device at the time."""

import logging
import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import torch

from alrun.system.energy_sources import NotMeasured, Rapl, Source, of_gpu

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cost:
    """Wall time and energy; joules are NaN where the hardware does not measure them."""

    seconds: float = 0.0
    joules: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.joules + other.joules)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds - other.seconds, self.joules - other.joules)


class Meter:
    """Adds up the readings of some sources.

    Args:
        sources: Counters whose joules are summed; without any, all readings are NaN.
        missing: Why other sources have no reading.
    """

    def __init__(self, sources: Sequence[Source], missing: Sequence[str] = ()) -> None:
        self.sources = list(sources)
        self.missing = list(missing)
        self.lock = threading.Lock()
        intervals = [source.interval for source in sources if source.interval is not None]
        if intervals:
            threading.Thread(target=self.watch, args=[min(intervals)], name="energy", daemon=True).start()

    @property
    def source(self) -> str:
        """``rapl``, ``nvml``, ``nvml+rapl`` or ``none``."""
        return "+".join(source.name for source in self.sources) or "none"

    @property
    def described(self) -> str:
        """The sources, and why there are no others."""
        return "; ".join([self.source, *self.missing])

    def now(self) -> Cost:
        """Readings of the clock and the counters; only their differences mean something."""
        return Cost(perf_counter(), self.joules())

    def joules(self) -> float:
        """Joules used since the meter was made; NaN if they are not known."""
        with self.lock:
            try:
                return sum(source.joules() for source in self.sources) if self.sources else math.nan
            except NotMeasured as error:
                log.warning("energy is not measured any more: %s", error)
                self.sources.clear()
                self.missing.append(str(error))
                return math.nan

    def watch(self, interval: float) -> None:
        """Read every ``interval`` seconds, before a counter can start again unseen, or to follow changing power."""
        pause = threading.Event()
        while self.sources and not pause.wait(interval):
            self.joules()


def meter(device: torch.device) -> Meter:
    """The meter of ``device``; that of a GPU includes the processor that feeds it."""
    return _meter(device.type, device.index or 0)


@cache  # counters are opened once, and a reason is logged once
def _meter(kind: str, index: int) -> Meter:
    sources, missing = [], []
    openings: list[Callable[[], Source]] = [Rapl]
    if kind == "cuda":
        openings.insert(0, lambda: of_gpu(torch.device(kind, index)))
    for opening in openings:
        try:
            sources.append(opening())
        except NotMeasured as reason:
            missing.append(str(reason))
    found = Meter(sources, missing)
    log.info("energy: %s", found.described)
    return found


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_meter.cache_clear)  # a fork has no threads
