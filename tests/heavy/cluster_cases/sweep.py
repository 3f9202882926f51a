"""One small sweep on digits, and whether two computations of it left the same."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from alrun.analysis import efficiency
from tests.heavy.crash_cases.runs import COMPARED

# Everything that may change a bit of the results is fixed: one thread, one memory format, the CPU.
FIXED = ("runtime={device: cpu, threads: 1, memory_format: contiguous, progress: false}", "model.width=4")
TWELVE = (
    *("strategy=random,entropy,badge,coreset", "seed=0,1,2", "limit=300", "training.max_epochs=3"),
    "budget={seed_size: 20, batch_size: 20, total: 60}",
)
# Long enough to meet a time limit: a minute and a half of an idle processor, most of it in the last of three rounds.
LONG = (
    *("strategy=entropy", "budget={seed_size: 100, batch_size: 400, total: 900}", "training.max_epochs=200"),
    *("training.stop_accuracy=null", "training.patience=null", "training.batch_size=4", "model.dropout=0.3"),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    seconds: float
    status: int
    text: str  # of both its streams


def start(outputs: Path, *overrides: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """``python -m alrun`` in a process of its own."""
    command = [sys.executable, "-m", "alrun", "-m", *FIXED, f"paths.outputs={outputs}", *overrides]
    return subprocess.Popen(
        command,
        cwd=outputs.parent,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def compute(outputs: Path, *overrides: str, environment: dict[str, str] | None = None, limit: float = 600) -> Ended:
    """``python -m alrun``, to its end; it is killed after ``limit`` seconds."""
    started = time.perf_counter()
    return wait(start(outputs, *overrides, environment=environment), started, limit)


def wait(process: subprocess.Popen[str], started: float, limit: float) -> Ended:
    """The end of ``process``."""
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        text += f"\nkilled after {limit:.0f} s"
    return Ended(time.perf_counter() - started, process.returncode, text)


def results(outputs: Path) -> dict[str, bytes]:
    """What must not depend on who computed it, by run and file; efficiencies as the last run to end leaves them."""
    folders = sorted(path.parent for path in outputs.glob("runs/*/*/done"))
    for folder in folders:
        efficiency.update_efficiency(folder)
    return {f"{folder.name}/{name}": (folder / name).read_bytes() for folder in folders for name in COMPARED}


def equal_runs(outputs: Path, reference: Path) -> tuple[int, int]:
    """How many runs of ``reference`` have the same files in ``outputs``, and how many there are."""
    expected, found = results(reference), results(outputs)
    runs = sorted({name.partition("/")[0] for name in expected})
    same = [all(found.get(f"{run}/{name}") == expected[f"{run}/{name}"] for name in COMPARED) for run in runs]
    return sum(same), len(same)
