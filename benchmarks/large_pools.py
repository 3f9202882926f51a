"""One selection from a pool of ImageNet's size, strategy by strategy: seconds and peak memory (make bench-large).

Features are made up, since only the cost matters. Each strategy has its own process; the peak is that of the whole
process, including the 2 GB of the pool; a pass over the pool counts as selection, as in a run.
"""

import argparse
import resource
import subprocess
import sys
from time import perf_counter

import torch

from alrun.models import Linear
from alrun.pool.pool import Pool
from alrun.settings import factory, schema
from alrun.strategies.query import build_query
from alrun.system.device import Stopwatch
from alrun.training.convex import Convex
from alrun.training.stop_rule import TrainResult

STRATEGIES = ("margin", "badge", "coreset", "typiclust", "probcover", "max_herding", "uncertainty_herding", "dropquery")


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


def one(given: argparse.Namespace, name: str) -> None:
    """Select once with a strategy, and print a row."""
    rows, labels = features(given.pool, given.features, given.classes)
    pool = Pool(rows, labels, torch.arange(given.labeled))
    model = Linear(given.features, given.classes)
    means = torch.zeros(given.classes, given.features).index_add_(0, labels[: given.labeled], rows[: given.labeled])
    with torch.no_grad():  # the nearest class mean, for a model that is trained
        model.head.weight.copy_(torch.nn.functional.normalize(means))
    strategy = built(name, given.settings)
    trained, trainer = TrainResult(1.0, 1, 1, "optimum", 0.0), Convex(lambda part: part.float(), 1000)
    before, started = peak(), perf_counter()
    query = build_query(
        strategy.needs, given.size, pool, model, trained, trainer, lambda: model, 0, 0, Stopwatch(pool.device)
    )
    passed = perf_counter() - started
    chosen = strategy.select(query)
    seconds = perf_counter() - started
    assert len(chosen.unique()) == given.size
    print(f"{name:20s} {seconds:9.1f} {passed:9.1f} {peak():9.1f} {before:9.1f}", flush=True)


def peak() -> float:
    """Peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Run a process for each strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("strategies", nargs="*", default=STRATEGIES)
    parser.add_argument("--pool", type=int, default=1_281_167)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--labeled", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--settings", action="append", default=[], help="of the strategy, such as strategy.radius=1")
    parser.add_argument("--here", action="store_true", help="in this process, of one strategy")
    given = parser.parse_args()
    if given.here:
        one(given, given.strategies[0])
        return
    print(f"{'strategy':20s} {'seconds':>9s} {'of a pass':>9s} {'peak (GB)':>9s} {'pool (GB)':>9s}", flush=True)
    numbers = [f"--{key}={getattr(given, key)}" for key in ("pool", "features", "classes", "labeled", "size")]
    settings = [f"--settings={each}" for each in given.settings]
    for name in given.strategies:
        done = subprocess.run([sys.executable, __file__, name, "--here", *numbers, *settings], check=False)
        if done.returncode:
            print(f"{name:20s} ended with {done.returncode}", flush=True)


if __name__ == "__main__":
    main()
