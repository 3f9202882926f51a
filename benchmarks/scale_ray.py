"""Selections in parts on a Ray cluster of two nodes on this machine: ``make bench-ray``, with the extra scale.

With 1, 2 and 4 workers, a run's selections by scores and in two levels must be those of one process, byte for byte: a
row is written to ``scale.csv`` only then. What a selection consists of is measured in one process (``open``, ``part``,
``file``, ``decide``) and on the cluster (``start``, ``task``), and written to ``scale_terms.csv``; the page scale.md
adds the terms up and compares. Processor seconds on a cluster are those of all its processes.
"""

import argparse
import csv
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
import torch

from alrun.loop import on_ray
from alrun.loop.dividing import as_json, opened_for_parts
from alrun.system import files
from alrun.system.lock import Lock
from alrun.training.checkpoint import serialize
from benchmarks import scale, scale_pool
from benchmarks.machine import add_row
from benchmarks.timed_run import Spent, computed, used_by_all
from tests.heavy.cluster_cases.ray import cluster, why_no_data

TERMS = ("case", "term", "n", "parts", "workers", "times", "cpu_seconds", "seconds", "load")
PARTS, ROUNDS, TASKS, TEST = 8, 4, 40, 1000
CASES: dict[str, tuple[str, ...]] = {
    "margin": ("strategy=margin", f"runtime.parts={PARTS}"),
    "badge": (
        "strategy=partitioned",
        "strategy@strategy.inner=badge",
        f"strategy.parts={PARTS}",
        "strategy.candidates=2",
    ),
}
MARK = "ALRUN_BENCHMARK_MARK"  # in the environment of all processes of a cluster


def settings(folder: Path, outputs: str, case: str, engine: str) -> list[str]:
    """What the command line of a run says."""
    size = scale.SIZE
    return [
        "dataset=features",
        f"dataset.path={folder / 'vectors'}",
        "model=linear",
        *CASES[case],
        f"budget={{seed_size: {size}, batch_size: {size}, total: {ROUNDS * size}}}",
        "runtime.device=cpu",
        f"runtime.engine={engine}",
        f"paths.outputs={folder / outputs}",
    ]


def results(outputs: Path) -> dict[str, bytes]:
    """What must not depend on who computed it, of the one run there."""
    (done,) = outputs.glob("runs/*/*/done")
    return {name: (done.parent / name).read_bytes() for name in ("queries.csv", "accuracy.csv")}


def term(case: str, name: str, spent: list[tuple[float, float]], count: int, workers: int = 0) -> dict[str, str]:
    """A row of the terms: the mean of ``spent``, processor seconds and seconds; ``workers`` 0: of one process."""
    cpu_seconds, seconds = (sum(column) / len(spent) for column in zip(*spent, strict=True))
    values = case, name, count, PARTS, workers, len(spent), f"{cpu_seconds:.4f}", f"{seconds:.4f}", load()
    return dict(zip(TERMS, map(str, values), strict=True))


def load() -> str:
    """Processes that wait for a core, on average over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


@contextmanager
def taking(found: list[tuple[float, float]]) -> Iterator[None]:
    """Add what the block takes: processor seconds and seconds."""
    started, used = perf_counter(), process_time()
    yield
    found.append((process_time() - used, perf_counter() - started))


def terms(folder: Path, case: str, count: int) -> Iterator[dict[str, str]]:
    """What the parts of a selection take in one process: it opens the state, and computes the parts one by one."""
    own, _ = computed(settings(folder, f"{case}-terms", case, "parts"))
    asked = as_json(own.cfg), str(own.folder), tuple(own.choices.items()), 0
    spent = {name: [] for name in ("open", "part", "file", "decide")}
    division = opened_for_parts(*asked)
    for _ in range(3):
        opened_for_parts.cache_clear()
        with taking(spent["open"]):
            division = opened_for_parts(*asked)
    for number in division.ranges:
        with taking(spent["part"]):
            proposed = division.proposed(number)
        division.folder.mkdir(parents=True, exist_ok=True)
        with taking(spent["file"]), Lock(division.path(number).with_suffix(".lock")):
            files.write(division.path(number), serialize(proposed))
    assert not division.missing()
    for _ in range(3):
        with taking(spent["decide"]):
            division.choose(torch.device("cpu"))
    for name, found in spent.items():
        yield term(case, name, found, count)


def loaded(number: int) -> None:
    """A task that computes nothing, in a process that has imported what a part needs."""
    assert opened_for_parts


def on_cluster(folder: Path, case: str, count: int, workers: int) -> Iterator[dict[str, str]]:
    """This process as the driver of a run: two terms, and a row of ``scale.csv``."""
    mark = f"{MARK}={os.environ[MARK]}"

    def used() -> float:
        return used_by_all(mark)

    started, before = perf_counter(), used()
    on_ray.connected()
    on_ray.compute(range(workers), loaded, 1, 0)
    yield term(case, "start", [(used() - before, perf_counter() - started)], count, workers)
    started, before = perf_counter(), used()
    on_ray.compute(range(TASKS), loaded, 1, 0)
    each = (used() - before) / TASKS, (perf_counter() - started) / TASKS
    yield term(case, "task", [each] * TASKS, count, workers)
    _, spent = computed(settings(folder, f"{case}-{workers}", case, "ray"), used)
    selected: list[Spent] = [each for each in spent if each.part == "select"]
    assert len(selected) == ROUNDS - 1
    peaks, anonymous = zip(*memory_of_workers(mark), strict=True)
    values = (
        f"{case} on Ray",
        count,
        workers,
        f"{sum(each.seconds for each in selected) / len(selected):.1f}",
        f"{max(peaks):.2f}",
        f"{max(anonymous):.2f}",
        f"{sum(each.cpu_seconds for each in selected) / len(selected):.1f}",
        "",
        "warm",
        load(),
    )
    yield dict(zip(scale.FIELDS, map(str, values), strict=True))


def memory_of_workers(mark: str) -> Iterator[tuple[float, float]]:
    """The highest memory of each worker of Ray, in GB, and what it has allocated now."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            name, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes().split(b"\0")
            lines = (path / "status").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        if name.startswith(b"ray::") and mark.encode() in environment:
            found = dict(line.split(":", 1) for line in lines if ":" in line)
            peak, anonymous = (int(found[key].split()[0]) * 1024 / 1e9 for key in ("VmHWM", "RssAnon"))
            yield peak, anonymous


def make(folder: Path, count: int) -> None:
    """The first ``count`` vectors of the pool, and the next as a test set, as ``dataset=features`` reads them."""
    vectors = folder / "vectors"
    scale_pool.make(vectors, count)
    rows, labels = scale_pool.part(count // scale_pool.PART)
    np.save(vectors / "test_features.npy", rows[:TEST])
    np.save(vectors / "test_labels.npy", labels[:TEST])


def main() -> None:
    """Measure the terms, then the cluster with each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--workers", type=lambda text: [int(each) for each in text.split(",")], default=(1, 2, 4))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"), help="folder of both tables")
    parser.add_argument("--here", type=Path, help="the folder of the run whose driver this process is")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.here:
        found = list(on_cluster(given.here, given.cases[0], given.size, given.workers[0]))
        print(json.dumps(found))
        return
    if reason := why_no_data():
        sys.exit(reason)
    folder = Path(tempfile.mkdtemp(prefix="alrun-"))  # a short path: those of Ray's sockets have a limit
    try:
        make(folder, given.size)
        for case in given.cases:
            forget(given.results / "scale_terms.csv", case)
            forget(given.results / "scale.csv", f"{case} on Ray")
            computed(settings(folder, f"{case}-alone", case, "local"))
            for row in terms(folder, case, given.size):
                added(given.results / "scale_terms.csv", row)
        for workers in given.workers:
            measure(folder, workers, given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, workers: int, given: argparse.Namespace) -> None:
    """Write the rows of a cluster with so many workers, those of a run only if it equals that of one process."""
    mark = {MARK: secrets.token_hex(8), "PYTHONPATH": os.getcwd()}
    (folder / f"c{workers}").mkdir()
    with cluster(folder / f"c{workers}", workers, mark) as environment:
        for case in given.cases:
            command = [sys.executable, "-m", "benchmarks.scale_ray", case, f"--size={given.size}", f"--here={folder}"]
            done = subprocess.run(
                [*command, f"--workers={workers}"],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            assert results(folder / f"{case}-{workers}") == results(folder / f"{case}-alone")
            *own, row = json.loads(done.stdout.splitlines()[-1])
            for each in own:
                added(given.results / "scale_terms.csv", each)
            added(given.results / "scale.csv", row)


def forget(path: Path, case: str) -> None:
    """Remove the rows of a case from a table, if there is one: they are measured again."""
    if path.exists():
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table[table["case"] != case].to_csv(path, index=False, lineterminator="\n")


def added(path: Path, row: dict[str, str]) -> None:
    """Write and print a row."""
    add_row(path, row)
    csv.DictWriter(sys.stdout, row).writerow(row)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
