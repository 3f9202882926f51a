"""One selection from pools of 100 thousand to 10 million vectors within 4 GB of memory: ``make bench-scale``.

Budget and labeled set are the same for all sizes, so a strategy whose cost is that of passes over the pool grows with
slope 1 on a log-log plot. Features are made up, and so is the head, since only the cost matters (scale_pool.py). Each
case has its own process. The file is dropped from the system's cache before a case (``cold``) or read once (``warm``).

Memory is measured twice, as peaks: ``peak_gb`` is all of the process's memory, ``anon_gb`` what it has allocated,
without pages of mapped files, which the system can take back at any time. Both must keep within ``runtime.memory_gb``.

Rows go to ``--csv`` as they are measured; a case that is there is not measured again.
"""

import argparse
import csv
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from time import perf_counter, process_time

import torch

from alrun.data.memory_map import drop_from_cache
from alrun.models import Linear
from alrun.pool.pool import Pool
from alrun.strategies.memory import part_of_pool
from alrun.strategies.query import build_query
from alrun.system.device import Stopwatch
from benchmarks import scale_pool
from benchmarks.large_pools import MadeUp, built
from benchmarks.machine import add_row

FIELDS: tuple[str, ...] = (
    "case",
    "n",
    "workers",
    "seconds",
    "peak_gb",
    "anon_gb",
    "cpu_seconds",
    "read_gb",
    "cache",
    "load",
)
MEMORY_GB = 4
BLOCK = 2**24  # bytes that are read together to fill the cache
LABELED, SIZE = 1000, 1000
SIZES = (100_000, 1_000_000, 10_000_000)
CASES: dict[str, tuple[str, ...]] = {  # the strategy and its settings
    "margin": ("margin",),
    "badge": ("badge",),
    "coreset": ("coreset",),
    "kmeans": ("kmeans", "strategy.nearby=64"),
    # among 10 examples for each label, which are both candidates and what is to be covered
    "max_herding": ("subsample", "strategy@strategy.inner=max_herding", "strategy.candidate_factor=10"),
}


class Memory:
    """The highest memory of this process, in GB, looked at ten times a second: all of it, and what it has allocated."""

    def __init__(self) -> None:
        self.anonymous = self.all = 0.0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self) -> None:
        """Look until the end."""
        while not self.ends.is_set():
            self.look()
            time.sleep(0.1)

    def look(self) -> None:
        """Read what the system says now; its own highest value misses nothing, but is of all memory alone."""
        lines = Path("/proc/self/status").read_text().splitlines()
        found = {
            key: int(rest.split()[0]) * 1024 / 1e9
            for key, _, rest in (line.partition(":") for line in lines)
            if "kB" in rest
        }
        self.anonymous = max(self.anonymous, found["RssAnon"])
        self.all = found["VmHWM"]

    def end(self) -> None:
        """Look for the last time."""
        self.ends.set()
        self.thread.join()
        self.look()


def one(name: str, count: int, folder: Path, cache: str) -> dict[str, str]:
    """Select once: a row of the table."""
    memory = Memory()
    rows, labels = scale_pool.opened(folder, count)
    with (folder / "train_features.npy").open("rb") as file:
        drop_from_cache(file.fileno())
        left = rows.nbytes if cache == "warm" else 0
        while left > 0:  # read, not mapped: mapped pages would count as memory of this process
            left -= len(file.read(BLOCK))
    started, used, read = perf_counter(), process_time(), bytes_read()
    images = torch.from_numpy(rows)
    pool = Pool(images, torch.from_numpy(labels), torch.arange(LABELED), mapped=rows)
    model = Linear(scale_pool.WIDTH, scale_pool.CLASSES)
    means = torch.zeros(scale_pool.CLASSES, scale_pool.WIDTH)
    means.index_add_(0, pool.labels[:LABELED], images[:LABELED].float())
    with torch.no_grad():  # the nearest class mean, for a model that is trained
        model.head.weight.copy_(torch.nn.functional.normalize(means))
    strategy = built(CASES[name][0], list(CASES[name][1:]))
    trainer = MadeUp(lambda part: part.float(), 1000)
    trained = trainer.fit(model)
    part = part_of_pool(
        strategy, name, count - LABELED, SIZE, scale_pool.CLASSES, scale_pool.WIDTH, trainer.chunk, MEMORY_GB
    )
    watch = Stopwatch(pool.device)
    query = build_query(strategy.needs, SIZE, pool, model, trained, trainer, lambda: model, 0, 0, watch, streamed=part)
    chosen = strategy.select(query)
    seconds = perf_counter() - started
    memory.end()
    assert len(chosen.unique()) == SIZE
    return {
        "case": name,
        "n": str(count),
        "workers": "1",
        "seconds": f"{seconds:.1f}",
        "peak_gb": f"{memory.all:.2f}",
        "anon_gb": f"{memory.anonymous:.2f}",
        "cpu_seconds": f"{process_time() - used:.1f}",
        "read_gb": f"{(bytes_read() - read) / 1e9:.2f}",
        "cache": cache,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def bytes_read() -> int:
    """What this process has read from disks so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def main() -> None:
    """Run a process for each case that is not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--sizes", type=lambda text: [int(each) for each in text.split(",")], default=SIZES)
    parser.add_argument("--folder", type=Path, default=Path("build/scale"), help="of the made-up pool, 7.7 GB")
    parser.add_argument("--cache", choices=("cold", "warm"), default="cold")
    parser.add_argument("--csv", type=Path, help="file of results; cases that are in it are not measured again")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--here", action="store_true", help="in this process, of one case and size")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.here:
        csv.DictWriter(sys.stdout, FIELDS).writerow(one(given.cases[0], given.sizes[0], given.folder, given.cache))
        return
    scale_pool.make(given.folder, max(given.sizes))
    print(" ".join(f"{field:>11s}" for field in FIELDS), flush=True)
    for count in given.sizes:
        for name in given.cases:
            if (name, str(count), "1", given.cache) in known(given.csv):
                continue
            command = [sys.executable, "-m", "benchmarks.scale", name, f"--sizes={count}", f"--folder={given.folder}"]
            command += [f"--cache={given.cache}", f"--threads={given.threads}", "--here"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                print(f"{name} of {count} ended with {done.returncode}", flush=True)
                continue
            row = dict(zip(FIELDS, next(csv.reader(done.stdout.splitlines()[-1:])), strict=True))
            add_row(given.csv, row)
            print(" ".join(f"{value:>11s}" for value in row.values()), flush=True)


def known(path: Path | None) -> set[tuple[str, ...]]:
    """Case, size, workers and cache of the rows in a file of results."""
    if path is None or not path.exists():
        return set()
    with path.open(newline="") as file:
        return {tuple(row[key] for key in ("case", "n", "workers", "cache")) for row in csv.DictReader(file)}


if __name__ == "__main__":
    main()
