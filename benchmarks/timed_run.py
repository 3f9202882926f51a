"""A run whose parts are timed: opening, training, evaluation, selection, writing, by the clock and by processors."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf

from alrun.loop.run import Run
from alrun.loop.selection_parts import Division
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system.lock import Lock
from alrun.training.stop_rule import TrainResult


@dataclass(frozen=True)
class Spent:
    """What a part of a round took."""

    part: str
    round: int
    seconds: float
    cpu_seconds: float


class Timed(Run):
    """A run that notes in ``spent`` what its parts took, in the order of their ends.

    ``fit`` includes ``train``; ``save`` writes the state and the tables. ``used`` reads processor seconds.
    """

    spent: list[Spent]
    used: Callable[[], float] = staticmethod(process_time)

    def fit(self, round: int, unfinished: Path) -> None:
        """As of ``Run``."""
        with self.timed("fit", round):
            super().fit(round, unfinished)

    def train(self, seed: int, round: int, unfinished: Path) -> TrainResult:
        """As of ``Run``."""
        with self.timed("train", round):
            return super().train(seed, round, unfinished)

    def choose(self, round: int, training: Any, division: Division | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As of ``Run``."""
        with self.timed("select", round):
            return super().choose(round, training, division)

    def save(self) -> None:
        """As of ``Run``."""
        with self.timed("write", len(self.state.rounds) - 1):
            super().save()

    @contextmanager
    def timed(self, part: str, round: int) -> Iterator[None]:
        """Note what the block takes."""
        started, used = perf_counter(), self.used()
        yield
        self.spent.append(Spent(part, round, perf_counter() - started, self.used() - used))


class Composed(NamedTuple):
    """What a command line says."""

    cfg: DictConfig
    choices: dict[str, str]  # the names of the chosen options, by group
    folder: Path


def composed(words: list[str]) -> Composed:
    """The settings that ``words`` are, on top of the defaults."""
    schema.register()
    with initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", [*words, "runtime.progress=false"], return_hydra_config=True)
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    return Composed(own, options_of(cfg), Path(cfg.hydra.run.dir))


def computed(words: list[str], used: Callable[[], float] = process_time) -> tuple[Composed, list[Spent]]:
    """The run that ``words`` name, computed in this process, and what its parts took.

    Beside the parts of rounds there are ``open``, everything before the first, and ``all``.
    """
    started, before = perf_counter(), used()
    own = composed(words)
    own.folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(own.folder / ".lock")
    assert lock.acquire(wait=False)
    try:
        run = Timed(own.cfg, own.folder, own.choices, lock, torch.device("cpu"))
        run.used = used
        run.spent = [Spent("open", 0, perf_counter() - started, used() - before)]
        run.complete()
    finally:
        lock.release()
    return own, [*run.spent, Spent("all", 0, perf_counter() - started, used() - before)]


def used_by_all(mark: str) -> float:
    """Processor seconds of all living processes with ``mark``, such as ``NAME=value``, in their environment."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:  # it has just ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")
