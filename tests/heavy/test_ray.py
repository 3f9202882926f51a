"""Selections and embeddings on a Ray cluster of two nodes on this machine: ``make test-ray``.

They must equal those of one process, with 1, 2 and 4 workers, and when workers and drivers are killed: then nothing
finished is done twice, and no process is left. Ray and its packages are the extra scale; without them all is skipped.
What passed becomes rows of the CSV that ALRUN_TEST_RESULTS names.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alrun.data import shards, sources
from alrun.training.checkpoint import load_checkpoint
from benchmarks.machine import add_row
from tests.heavy.cluster_cases import ray
from tests.heavy.cluster_cases.slow_score import NOTES
from tests.heavy.crash_cases.runs import COMPARED

pytestmark = pytest.mark.skipif(bool(ray.why_no_data()), reason=ray.why_no_data() or "")

KILLS = int(os.environ.get("ALRUN_TEST_KILLS", "50"))
RESULTS = os.environ.get("ALRUN_TEST_RESULTS")
HERE = Path(__file__).parents[2]
FIXED = ("runtime={device: cpu, threads: 1, memory_format: contiguous, progress: false, chunk: 64, parts: 6}",)
RUN = ("dataset=features", "model=linear", "optimizer=adam", "augmentation=none", "training.max_epochs=3")
BUDGET = "budget={seed_size: 20, batch_size: 20, total: 80}"
TWO = ("strategy=partitioned", "strategy@strategy.inner=badge", "strategy.parts=6", "strategy.candidates=2")
SLOW = ("strategy=margin", "strategy._target_=tests.heavy.cluster_cases.slow_score.SlowMargin")
ENCODER = ("dataset=digits", "encoder=module", "encoder.network._target_=tests.features.test_store.Tiny")
ALLOW = {"ALRUN_ALLOW": "tests", "PYTHONPATH": str(HERE)}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where all is computed; its path is short, since the paths of Ray's sockets have a limit."""
    made = Path(tempfile.mkdtemp(prefix="alrun-"))
    digits, store = sources.digits(""), made / "vectors"
    flat = [each.reshape(len(each), -1).astype(np.float32) / 255 for each in (digits.train_images, digits.test_images)]
    shards.write("train_features", np.array_split(flat[0], 7), store)
    np.save(store / "test_features.npy", flat[1])
    np.save(store / "train_labels.npy", digits.train_labels)
    np.save(store / "test_labels.npy", digits.test_labels)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def command(folder: Path, outputs: str, *words: str, first: tuple[str, ...] = ()) -> list[str]:
    """The words of a run on the vectors."""
    own = (f"dataset.path={folder / 'vectors'}", BUDGET, f"paths.outputs={folder / outputs}")
    return [sys.executable, "-m", "alrun", *first, *RUN, *FIXED, *own, *words]


def compute(words: list[str], environment: dict[str, str] | None = None) -> float:
    """Run a command to its end; its seconds."""
    started = time.perf_counter()
    done = subprocess.run(
        words,
        cwd=HERE,
        env={**os.environ, **ALLOW, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=2400,
    )
    assert not done.returncode, done.stdout[-2000:] + done.stderr[-2000:]
    return time.perf_counter() - started


def results(outputs: Path) -> dict[str, bytes]:
    """The files of the one run there that must not depend on who computed it."""
    (done,) = outputs.glob("runs/*/*/done")
    assert not (done.parent / "selection").exists()
    return {name: (done.parent / name).read_bytes() for name in COMPARED}


@pytest.fixture(scope="module")
def alone(folder) -> dict[str, dict[str, bytes]]:
    """What one process computes, by the name of the strategy."""
    for name, strategy in (("margin", ("strategy=margin",)), ("two", TWO), ("slow", SLOW)):
        print(f"{name}, one process: {compute(command(folder, name, *strategy)):.1f} s", flush=True)
    return {name: results(folder / name) for name in ("margin", "two", "slow")}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_that_selections_on_two_nodes_are_those_of_one_process(folder, alone, workers):
    (folder / f"r{workers}").mkdir()
    with ray.cluster(folder / f"r{workers}", workers, ALLOW) as environment:
        for name, strategy in (("margin", ("strategy=margin",)), ("two", TWO)):
            outputs = f"{name}-{workers}"
            seconds = compute(command(folder, outputs, *strategy, "runtime.engine=ray"), environment)
            print(f"{name}, {workers} workers: {seconds:.1f} s", flush=True)
            assert results(folder / outputs) == alone[name]
            note(f"selection, {name}", workers)


def test_that_an_embedding_on_two_nodes_is_that_of_one_process(folder):
    (folder / "e").mkdir()
    whole = [
        sys.executable,
        "-m",
        "alrun",
        "embed",
        *ENCODER,
        "encoder.size=12",
        "runtime.device=cpu",
        "runtime.chunk=64",
    ]
    compute([*whole, f"paths.features={folder / 'one'}"])
    with ray.cluster(folder / "e", 2, ALLOW) as environment:
        compute([*whole, f"paths.features={folder / 'many'}", "runtime.engine=ray"], environment)
    stores = [next((folder / name).glob("*/manifest.json")).parent for name in ("one", "many")]
    for split in ("train", "test"):
        one, many = (np.load(store / f"{split}_features.npy") for store in stores)
        np.testing.assert_allclose(many, one, rtol=1e-5, atol=1e-6)
        note(f"embedding, {split}", 2, difference=float(np.abs(many - one).max()))


def test_that_killed_workers_and_drivers_change_nothing(folder, alone):
    """Kills a worker of Ray or the run itself, at random moments, until there are enough; every run ends equal."""
    notes, draws = folder / "notes", random.Random(0)
    notes.mkdir()
    (folder / "k").mkdir()
    mark = {NOTES: str(notes)}
    kills, runs, noted = {"worker": 0, "driver": 0}, 0, {"worker": 0, "driver": 0}
    with ray.cluster(folder / "k", 2, {**ALLOW, **mark}) as environment:
        while sum(kills.values()) < KILLS:
            runs += 1
            words, written = command(folder, f"killed-{runs}", *SLOW, "runtime.engine=ray"), {}
            driver = start(words, environment)
            seen, due = 0, time.monotonic() + draws.uniform(0, 6)  # the first one may meet the start
            while (status := driver.poll()) is None:
                time.sleep(0.05)
                watch(folder / f"killed-{runs}", written)
                if due is None and lines(notes) > seen:  # a part has been started since the last kill
                    due = time.monotonic() + draws.uniform(0, 2)
                if due is None or time.monotonic() < due or sum(kills.values()) >= KILLS:
                    continue
                seen, due = lines(notes), None
                workers = [pid for pid in marked(mark) if name_of(pid).startswith("ray::part")]
                if workers and draws.random() < 0.6:
                    os.kill(draws.choice(workers), signal.SIGKILL)
                    kills["worker"] += 1
                else:
                    driver.kill()
                    driver.wait()
                    kills["driver"] += 1
                    driver = start(words, environment)
            assert status == 0
            assert results(folder / f"killed-{runs}") == alone["slow"]
            assert not twice(notes, written)
            note("run with kills", 2, **{f"{kind}s_killed": kills[kind] - noted[kind] for kind in kills})
            noted = dict(kills)
            for file in notes.iterdir():
                file.unlink()
        until_gone(lambda: [pid for pid in marked(mark) if name_of(pid).startswith("ray::part")])
    until_gone(lambda: marked(mark))
    note("no process left", 2)
    print(f"{kills['worker']} workers and {kills['driver']} drivers killed in {runs} runs; all equal", flush=True)


def test_that_a_killed_driver_takes_the_ray_that_it_started_with_it(folder):
    notes = folder / "own-notes"
    notes.mkdir()
    mark = {NOTES: str(notes), "RAY_TMPDIR": str(folder / "o")}
    (folder / "o").mkdir()
    driver = start(command(folder, "own", *SLOW, "runtime.engine=ray"), mark)
    deadline = time.monotonic() + 600
    while not list(notes.iterdir()):
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    driver.kill()
    driver.wait()
    until_gone(lambda: marked(mark))
    note("no process left of Ray that a killed run had started", 0)


def note(check: str, workers: int, workers_killed: int = 0, drivers_killed: int = 0, difference: float = 0) -> None:
    """A row of the results: what has just been found to be equal, or gone."""
    row = {"check": check, "workers": workers, "workers_killed": workers_killed, "drivers_killed": drivers_killed}
    add_row(Path(RESULTS) if RESULTS else None, {**row, "difference": difference})


def start(words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A run on the cluster."""
    own = {**os.environ, **ALLOW, **environment}
    return subprocess.Popen(words, cwd=HERE, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lines(notes: Path) -> int:
    """How many parts have been started."""
    return sum(file.read_text().count("\n") for file in notes.iterdir())


def watch(outputs: Path, written: dict[tuple[int, int], float]) -> None:
    """Note when each part was written: by the number of unlabeled examples and its first position."""
    for path in outputs.glob("runs/*/*/selection/*/*.pt"):
        try:
            first, _, count, _ = load_checkpoint(path)["of"]
            written.setdefault((count, first), path.stat().st_mtime)
        except (FileNotFoundError, ValueError):  # its round is over
            continue


def twice(notes: Path, written: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """Parts that were started when they had been written."""
    started = [json.loads(line) for file in notes.iterdir() for line in file.read_text().splitlines() if line]
    assert started
    return [(count, first) for count, first, at in started if at > written.get((count, first), np.inf)]


def marked(mark: dict[str, str]) -> list[int]:
    """Processes with the environment of ``mark``, this one apart."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if all(f"{key}={value}".encode() in variables for key, value in mark.items()):
            found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid() and not is_zombie(pid)]


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, and its parent has not looked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def name_of(pid: int) -> str:
    """The command line of a process, which Ray sets to what it does."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def until_gone(found) -> None:
    """Wait a minute until ``found`` finds no process."""
    deadline = time.monotonic() + 60
    while found():
        assert time.monotonic() < deadline, [name_of(pid) for pid in found()]
        time.sleep(0.5)
