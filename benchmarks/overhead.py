"""The cost of the loop itself: ``python -m benchmarks.overhead`` prints its share of the time of a run.

The run is MNIST at the paper's settings, BADGE, up to --labels labels; digits if MNIST is not available. Overhead is
everything except training, evaluation and selection: loading data, building, saving, reporting.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import pandas as pd
from hydra import compose, initialize_config_module

from alrun.loop.start import run
from alrun.settings import schema
from alrun.settings.planned_runs import options_of
from alrun.system.errors import UserError


def main() -> None:
    """Run, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=1300, help="budget.total of the MNIST run (default 1300)")
    total = parser.parse_args().labels
    schema.register()
    try:
        measure(["dataset=mnist", f"budget.total={total}"])
    except UserError as error:
        print(f"MNIST is skipped, digits instead: {error}")
        measure([])


def measure(overrides: list[str]) -> None:
    """Time one run in a new folder and print the seconds of its phases."""
    with tempfile.TemporaryDirectory() as folder, initialize_config_module("alrun.conf", version_base="1.3"):
        cfg = compose("config", [*overrides, f"paths.outputs={folder}"], return_hydra_config=True)
        run_dir = Path(cfg.hydra.run.dir)
        choices = options_of(cfg)
        started = perf_counter()
        run(cfg, run_dir, choices)
        wall = perf_counter() - started
        rounds = pd.read_csv(run_dir / "timing.csv")
    phases = {name: rounds[f"{name}_seconds"].sum() for name in ("train", "evaluate", "select")}
    overhead = wall - sum(phases.values())
    print(
        f"{choices['dataset']}, {choices['model']}, {len(rounds)} rounds to {rounds.labeled.max()} labels: {wall:.1f} s"
    )
    for name, seconds in {**phases, "overhead": overhead}.items():
        print(f"  {name:<9}{seconds:9.2f} s {100 * seconds / wall:7.2f} %")


if __name__ == "__main__":
    main()
