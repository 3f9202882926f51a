"""Tiny runs that die in forked children and go on in others."""

import contextlib
import gc
import os
import random
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from alrun.commands import cli
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system.files import TEMPORARY
from tests.heavy.crash_cases.disk import DEATH, Disk, Lost

COMPARED = ("accuracy.csv", "measures.csv", "stopping.csv", "queries.csv", "per_class.csv", "labeling_efficiency.csv")
TINY = (
    "limit=200",
    "model.width=2",
    "model.embedding=8",
    "model.dropout=0.3",
    "budget={seed_size: 20, batch_size: 20, total: 60}",
    "training.max_epochs=2",
    "runtime={device: cpu, threads: 1, memory_format: contiguous, progress: false, checkpoint_minutes: 0}",
)
CASES = {
    "badge": ("strategy=badge",),
    "averaged": (
        *("strategy=entropy", "strategy.dropout_samples=2", "model_update=update", "optimizer=sgd_swa"),
        *("optimizer.swa.start_accuracy=0.05", "augmentation=crop", "imbalance=long_tail", "imbalance.ratio=3"),
        *("shift=pool", "dataset@shift.dataset=digits", "shift.share=0.3", "shift.test=both"),
    ),
    "subset": (
        *("strategy=random", "optimizer=adam", "dss=grad_match", "dss.full_every=2", "dss.every=2"),
        *(
            "open_set=held_out",
            "open_set.classes=4",
            "annotator=uniform",
            "annotator.rate=0.3",
            "training.batch_size=8",
        ),
        *("annotator.opinions=2", "cost=class", "cost.by_class={1: 0.1, none of these: 3}"),
    ),
}


@dataclass
class TinyRun:
    """A run whose outputs lie in a folder that can be thrown away."""

    cfg: DictConfig
    choices: dict[str, str]
    place: Path  # of the run below the outputs folder

    @classmethod
    def composed(cls, *overrides: str) -> "TinyRun":
        """The run that the command line would start."""
        schema.register()
        GlobalHydra.instance().clear()
        with initialize_config_module("alrun.conf", version_base="1.3"):
            cfg = compose("config", [*TINY, *overrides], return_hydra_config=True)
            choices = options_of(cfg)
            place = Path(cfg.hydra.run.dir).relative_to(cfg.paths.outputs)
        GlobalHydra.instance().clear()
        plain = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])  # as a job is given it
        return cls(plain, choices, place)

    def complete(self, outputs: Path) -> None:
        """Start it, or go on with it, in this process."""
        self.cfg.paths.outputs = str(outputs)
        cli.start_run(self.cfg, outputs / self.place, self.choices)

    def results(self, outputs: Path) -> dict[str, bytes]:
        """What must not depend on how often it died."""
        run_dir = outputs / self.place
        assert (run_dir / "done").exists(), f"{run_dir} is not done"
        left = [path.name for path in run_dir.iterdir() if TEMPORARY.fullmatch(path.name) or "training" in path.name]
        left = [name for name in left if "efficiency" not in name]  # written when the run is done, without its lock
        assert not left, f"{run_dir} still has {left}"
        names = (*COMPARED, *(path.name for path in run_dir.glob("per_group.csv")))
        return {name: (run_dir / name).read_bytes() for name in names}


def in_child(work: Callable[[], None]) -> int:
    """Fork, do ``work`` there, and tell how that ended: 0, DEATH, or another number for an error."""
    return os.waitstatus_to_exitcode(os.waitpid(start_child(work), 0)[1])


def start_child(work: Callable[[], None]) -> int:
    """Fork, and do ``work`` there: the child, which ends with 0, or with another number for an error.

    Torch must not have used more than one thread before: its workers do not survive a fork.
    """
    child = fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    return child


def fork() -> int:
    """os.fork without the warning that is meant for those who go on using threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def prepare() -> None:
    """Make forks cheap and safe: one thread, nothing to collect, no lock that a killed child keeps from the next."""
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())
    gc.freeze()


def write_points(run: TinyRun, folder: Path) -> list[str]:
    """Every write of an undisturbed run, by name; its results stay in ``folder``/whole."""
    (folder / "shadow").mkdir(parents=True)

    def work() -> None:
        disk = Disk(folder / "whole", folder / "shadow")
        disk.install()
        run.complete(folder / "whole")
        (folder / "writes").write_text("\n".join(disk.writes))

    run.complete(folder / "warm")  # what is imported and cached here, no child has to
    assert in_child(work) == 0, "the run that nobody disturbs failed"
    shutil.rmtree(folder / "shadow")
    return (folder / "writes").read_text().splitlines()


def dies_at(run: TinyRun, folder: Path, point: int, lost: Lost, broken: bool = False) -> dict[str, bytes]:
    """Kill ``run`` before write ``point`` (from 1 on), where ``lost`` dies with it, and complete it in another process.

    With ``broken`` its fsyncs do nothing: that must show. Returns its results.
    """
    outputs, shadow = folder / "killed", folder / "shadow"
    for last, expected in ((point, DEATH), (None, 0)):
        shadow.mkdir(parents=True)

        def work(last: int | None = last) -> None:
            disk = Disk(outputs, shadow, last, lost)
            if broken:
                disk.fsync = lambda descriptor: None
            disk.install()
            run.complete(outputs)

        status = in_child(work)
        shutil.rmtree(shadow)
        assert status == expected, f"a process that met write {point} ended with {status}, not {expected}"
    results = run.results(outputs)
    shutil.rmtree(outputs)
    return results


def dies_at_random(run: TinyRun, folder: Path, seconds: float, draws: random.Random) -> tuple[int, dict[str, bytes]]:
    """Send SIGKILL after a random time of up to ``seconds``, life after life, until one ends before it.

    Where the first life ends before it, half the time is tried: how long a run takes depends on the machine.
    """
    outputs, deaths = folder / "killed", 0
    while True:
        child = start_child(lambda: run.complete(outputs))
        if deaths < 5:
            time.sleep(draws.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0 and deaths:
            break
        if status == 0:
            shutil.rmtree(outputs)
            seconds /= 2
            continue
        assert status == -signal.SIGKILL, f"life {deaths + 1} of a run that died at random ended with {status}"
        deaths += 1
    results = run.results(outputs)
    shutil.rmtree(outputs)
    return deaths, results
