"""One selection from a pool of ImageNet's size, strategy by strategy: seconds, peak memory, floor (make bench-large).

Features are made up, and so is the head, since only the cost matters. Each case has its own process, so that the peak
is its own; it includes the 2 GB of the pool. A pass over the pool counts as selection, as in a run; training does not.
The floor is the time of the matrix products that the case cannot do without, at this machine's measured speed: of the
pass, of k-means++ for BADGE, of each point's near cells or centers for the others.

Results are written case by case to ``--csv``; a case that is there with the same sizes is not measured again.
"""

import argparse
import csv
import math
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

import torch

from alrun.models import Linear
from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.selection.cells import PROBES
from alrun.settings import factory, schema
from alrun.strategies.memory import part_of_pool
from alrun.strategies.nearby import DEFAULT
from alrun.strategies.query import build_query
from alrun.system.device import Stopwatch
from alrun.training.convex import Convex
from alrun.training.stop_rule import TrainResult
from benchmarks.machine import matrix_product_speed

SHOWN: tuple[str, ...] = ("seconds", "of a pass", "cpu_seconds", "peak_gb", "floor")
FIELDS: tuple[str, ...] = ("case", "n", "labeled", "size", *SHOWN, "load", "approximated")
NEARBY = f"the {DEFAULT} nearest, looked for in near cells"
# What each case approximates, with the settings that alrun takes for such a pool by itself.
CASES = {
    "margin": "nothing",
    "dropquery": f"k-means: each candidate compared with {DEFAULT} near centers",
    "typiclust": f"k-means: each example compared with {DEFAULT} near centers; neighbors in large clusters",
    "cluster_margin": f"k-means before linkage: each example compared with {DEFAULT} near centers",
    "coreset": "nothing",
    "max_herding": f"coverage: of {NEARBY}",
    "uncertainty_herding": f"coverage: of {NEARBY}",
    "probcover": f"balls: among {NEARBY}; radius: from 4,096 balls",
    "badge": "nothing",
}


class MadeUp(Convex):
    """Leaves the weights of a made-up head as they are."""

    def fit(self, model: Classifier, *_: object, **__: object) -> TrainResult:
        """Train nothing."""
        return TrainResult(1.0, 1, 1, "optimum", 0.0)


def features(count: int, width: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors (count, width) around the centers of their classes, made part by part."""
    draws = torch.Generator().manual_seed(0)
    centers = torch.randn(classes, width, generator=draws)
    labels = torch.randint(classes, (count,), generator=draws)
    rows = torch.empty(count, width)
    for part in torch.arange(count).split(20_000):
        rows[part] = centers[labels[part]] + 2 * torch.randn(len(part), width, generator=draws)
    return rows, labels


def built(name: str, settings: list[str]):
    """The strategy that the command line would build."""
    from hydra import compose, initialize_config_module

    schema.register()
    with initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", ["model=linear", f"strategy={name}", *settings])
    return factory.build(cfg.strategy, "strategy")


def one(given: argparse.Namespace, name: str) -> dict[str, str]:
    """Select once with a strategy, with one thread: a row of the table."""
    torch.set_num_threads(1)
    rows, labels = features(given.pool, given.features, given.classes)
    pool = Pool(rows, labels, torch.arange(given.labeled))
    model = Linear(given.features, given.classes)
    means = torch.zeros(given.classes, given.features).index_add_(0, labels[: given.labeled], rows[: given.labeled])
    with torch.no_grad():  # the nearest class mean, for a model that is trained
        model.head.weight.copy_(torch.nn.functional.normalize(means))
    strategy = built(name, given.settings)
    trainer = MadeUp(lambda part: part.float(), 1000)
    training, started, used = Stopwatch(pool.device), perf_counter(), process_time()
    trained = trainer.fit(model)
    count = given.pool - given.labeled
    part = part_of_pool(strategy, name, count, given.size, given.classes, given.features, trainer.chunk, None)
    query = build_query(
        strategy.needs, given.size, pool, model, trained, trainer, lambda: model, 0, 0, training, streamed=part
    )
    passed = perf_counter() - started
    chosen = strategy.select(query)
    seconds = perf_counter() - started
    assert len(chosen.unique()) == given.size
    return {
        "case": name,
        "n": str(given.pool),
        "labeled": str(given.labeled),
        "size": str(given.size),
        "seconds": f"{seconds:.1f}",
        "of a pass": f"{passed:.1f}",
        "cpu_seconds": f"{process_time() - used:.1f}",
        "peak_gb": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f}",
        "floor": f"{operations(name, given) / matrix_product_speed():.1f}",
        "load": f"{os.getloadavg()[0]:.1f}",
        "approximated": CASES.get(name, ""),
    }


def operations(name: str, given: argparse.Namespace) -> float:
    """Operations of the matrix products that a case cannot do without."""
    n, d, size = given.pool - given.labeled, given.features, given.size
    cells = 2 * math.isqrt(n)
    products = {
        "badge": n * given.classes * d + n * size * (given.classes + d),
        "coreset": n * cells * d + n * PROBES * given.labeled / cells * d,  # bounds spare most of the rest
        "typiclust": n * cells * d + n * DEFAULT * d,
        "cluster_margin": n * given.classes * d + n * cells * d + n * DEFAULT * d,
        "dropquery": 4 * n * given.classes * d,
        "max_herding": n * cells * d + PROBES * n * n / cells * d,
        "probcover": n * cells * d + PROBES * n * n / cells * d,
        "uncertainty_herding": n * (given.classes + cells) * d + PROBES * n * n / cells * d,
    }
    return 2.0 * products.get(name, n * given.classes * d)


def main() -> None:
    """Run a process for each case that is not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--pool", type=int, default=1_281_167)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--labeled", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--settings", action="append", default=[], help="of the strategy, such as strategy.radius=1")
    parser.add_argument("--csv", type=Path, help="file of results; cases that are in it are not measured again")
    parser.add_argument("--here", action="store_true", help="in this process, of one case")
    given = parser.parse_args()
    if given.here:
        csv.DictWriter(sys.stdout, FIELDS).writerow(one(given, given.cases[0]))
        return
    numbers = [f"--{key}={getattr(given, key)}" for key in ("pool", "features", "classes", "labeled", "size")]
    settings = [f"--settings={each}" for each in given.settings]
    known = rows_of(given.csv)
    sizes = tuple(str(getattr(given, key)) for key in ("pool", "labeled", "size"))
    titles = " ".join(f"{title:>11s}" for title in SHOWN)
    print(f"{'case':20s} {titles}  approximated", flush=True)
    for name in given.cases:
        same = (row for row in known if tuple(row[key] for key in FIELDS[:4]) == (name, *sizes))
        row = next(same, None)
        if row is None:
            command = [sys.executable, "-m", "benchmarks.large_pools", name, "--here", *numbers, *settings]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                print(f"{name:20s} ended with {done.returncode}", flush=True)
                continue
            row = dict(zip(FIELDS, next(csv.reader(done.stdout.splitlines()[-1:])), strict=True))
            known.append(row)
            if given.csv:
                write(given.csv, known)
        shown = " ".join(f"{row[key]:>11s}" for key in SHOWN)
        print(f"{name:20s} {shown}  {row['approximated']}", flush=True)


def rows_of(path: Path | None) -> list[dict[str, str]]:
    """The rows of a file of results; none where there is no file."""
    if path is None or not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Replace the file by ``rows``."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
