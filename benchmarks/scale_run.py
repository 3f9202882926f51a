"""A whole run on 10 million vectors within 4 GB: ``make bench-scale`` writes its parts to ``--csv``.

The pool is that of scale_pool.py; the next 10,000 rows are the test set. The first run hashes the file and keeps the
hash; the second, with other labels, starts as all later ones do. Each has a process of its own, and memory is measured
as in scale.py.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from alrun.data.memory_map import drop_from_cache
from benchmarks import scale_pool
from benchmarks.machine import add_row
from benchmarks.scale import MEMORY_GB, Memory
from benchmarks.timed_run import Spent, computed

FIELDS: tuple[str, ...] = (
    "hash",
    "n",
    "part",
    "times",
    "cpu_seconds",
    "seconds",
    "peak_gb",
    "anon_gb",
    "cache",
    "load",
)
TEST, LABELED, ROUNDS = 10_000, 1000, 3  # labels of a round, and rounds
PARTS = ("open", "train", "evaluate", "select", "write", "rest", "all")
KEPT = {"first": 0, "kept": 1}  # is the hash of the file known? and the seed of that run


def write_test_set(folder: Path) -> None:
    """The rows after the largest pool, as the test set of ``dataset=features``."""
    rows, labels = scale_pool.part(10_000_000 // scale_pool.PART)
    np.save(folder / "test_features.npy", rows[:TEST])
    np.save(folder / "test_labels.npy", labels[:TEST])


def settings(folder: Path, outputs: Path, seed: int) -> list[str]:
    """What the command line of the run says."""
    return [
        "dataset=features",
        f"dataset.path={folder}",
        "model=linear",
        "strategy=margin",
        f"seed={seed}",
        f"budget={{seed_size: {LABELED}, batch_size: {LABELED}, total: {ROUNDS * LABELED}}}",
        f"runtime.memory_gb={MEMORY_GB}",
        "runtime.device=cpu",
        f"paths.outputs={outputs}",
    ]


def rows(spent: list[Spent], memory: Memory, hash: str, count: int, cache: str) -> list[dict[str, str]]:
    """A row for each part of the run, all its rounds together; evaluation is what ``fit`` takes beside training."""
    table = pd.DataFrame(spent).groupby("part")[["cpu_seconds", "seconds"]].agg("sum")
    table.loc["evaluate"] = table.loc["fit"] - table.loc["train"]
    table.loc["rest"] = table.loc["all"] - table.loc[["open", "fit", "select", "write"]].sum()
    times = Counter(each.part for each in spent)
    times["evaluate"] = times["fit"]
    return [
        {
            "hash": hash,
            "n": str(count),
            "part": part,
            "times": str(times[part] or 1),
            "cpu_seconds": f"{table.loc[part, 'cpu_seconds']:.2f}",
            "seconds": f"{table.loc[part, 'seconds']:.2f}",
            "peak_gb": f"{memory.all:.2f}" if part == "all" else "",
            "anon_gb": f"{memory.anonymous:.2f}" if part == "all" else "",
            "cache": cache,
            "load": f"{os.getloadavg()[0]:.1f}",
        }
        for part in PARTS
    ]


def main() -> None:
    """Two runs, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/scale"), help="of the made-up pool, 7.7 GB")
    parser.add_argument("--csv", type=Path, help="file of results; a run that is in it is not computed again")
    parser.add_argument("--here", choices=KEPT, help="in this process, of one run")
    given = parser.parse_args()
    torch.set_num_threads(1)
    outputs = given.folder.with_name(f"{given.folder.name}-outputs")  # not within: a folder of data is hashed whole
    if given.here:
        memory = Memory()
        with (given.folder / "train_features.npy").open("rb") as file:
            drop_from_cache(file.fileno())
        _, spent = computed(settings(given.folder, outputs, KEPT[given.here]))
        memory.end()
        csv.DictWriter(sys.stdout, FIELDS).writerows(rows(spent, memory, given.here, given.size, "cold"))
        return
    scale_pool.make(given.folder, given.size)
    write_test_set(given.folder)
    shutil.rmtree(outputs, ignore_errors=True)
    for hash in KEPT:
        command = [sys.executable, "-m", "benchmarks.scale_run", f"--size={given.size}", f"--folder={given.folder}"]
        done = subprocess.run([*command, f"--here={hash}"], stdout=subprocess.PIPE, text=True, check=True)
        for values in csv.reader(done.stdout.splitlines()[-len(PARTS) :]):
            row = dict(zip(FIELDS, values, strict=True))
            add_row(given.csv, row)
            print(" ".join(f"{value:>11s}" for value in row.values()), flush=True)
    shutil.rmtree(outputs)


if __name__ == "__main__":
    main()
