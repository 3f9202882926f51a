"""Runs per hour of the same sweep with 1, 2 and 4 processes: ``make bench-launchers``.

Eight runs on digits, one thread each. Busy is the time that the runs' own tables account for (training, evaluation,
selection; the shared first model counts once). The overhead is the rest, from the start of Python to the last file.
More processes than processors show the cost of oversubscription.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import mean

from alrun.runs.durations import spent
from alrun.runs.run_folder import read_rows
from tests.heavy.cluster_cases.sweep import compute, equal_runs

RUNS = 8
SWEEP = (
    *("strategy=entropy", f"seed=range({RUNS})", "budget={seed_size: 50, batch_size: 50, total: 200}"),
    *("training.max_epochs=60", "training.stop_accuracy=null", "training.patience=null"),
)


def main() -> None:
    """Print a row for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], metavar="N", help="default: 1 2 4")
    workers = parser.parse_args().workers
    folder = Path(tempfile.mkdtemp(prefix="alrun-launchers-"))
    print(f"{RUNS} runs on {os.cpu_count()} processors")
    print("launcher    seconds  runs an hour  speed-up  busy  overhead, seconds a run")
    try:
        serial = row(folder, "one by one", 1, (), None)
        for count in workers:
            row(folder, f"joblib {count}", count, ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={count}"), serial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def row(folder: Path, name: str, workers: int, overrides: tuple[str, ...], serial: float | None) -> float:
    """Compute the sweep, compare it with the first one, and print a row; returns its seconds."""
    outputs = folder / name.replace(" ", "-")
    ended = compute(outputs, *SWEEP, *overrides)
    equal, count = equal_runs(outputs, folder / "one-by-one")
    if ended.status or equal < count:
        raise SystemExit(f"{name}: {equal} of {count} runs as one by one; it printed:\n{ended.text[-2000:]}")
    folders = [path.parent for path in outputs.glob("runs/*/*/done")]
    first = [read_rows(each / "timing.csv")[0] for each in folders]
    shared = mean(float(table["train_seconds"]) + float(table["evaluate_seconds"]) for table in first)
    busy = (
        sum(map(spent, folders)) - (len(folders) - 1) * shared
    )  # all tables hold the first model, one process made it
    overhead = (ended.seconds * min(workers, RUNS) - busy) / RUNS
    speed_up = (serial or ended.seconds) / ended.seconds
    print(
        f"{name:10}  {ended.seconds:7.1f}  {3600 * RUNS / ended.seconds:12.0f}  {speed_up:8.2f}  "
        f"{busy / ended.seconds:4.2f}  {overhead:23.2f}",
        flush=True,
    )
    return ended.seconds


if __name__ == "__main__":
    main()
