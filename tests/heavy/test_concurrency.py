"""64 processes on one sweep, then 24 machines on another: ``make concurrency-test``.

Sixteen runs, four strategies and four seeds, share the first model; each is started by four processes at once. No
process may fail or wait for ever, no training may be done twice, and every file must be as if the runs had been
computed one by one. The 24 machines are processes that do not see one another but by the leases in shared folders.
"""

import logging
import shutil
import tempfile
import time
from pathlib import Path

from tests.heavy.crash_cases.many import together
from tests.heavy.crash_cases.runs import TinyRun, prepare


def main() -> None:
    """Print what was found, and fail if anything is wrong."""
    logging.disable()
    prepare()
    runs = [
        TinyRun.composed(f"strategy={strategy}", f"seed={seed}")
        for strategy in ("random", "entropy", "badge", "coreset")
        for seed in range(4)
    ]
    folder = Path(tempfile.mkdtemp(prefix="alrun-concurrency-"))
    try:
        for run in runs:
            run.complete(folder / "alone")
        started = time.perf_counter()
        trained = together(runs, 4, folder / "together")
        seconds = time.perf_counter() - started
        # Random runs end at different times, so efficiencies are filled in afterwards, as by the same command again.
        for run in runs:
            for outputs in ("alone", "together"):
                run.complete(folder / outputs)
        equal = sum(run.results(folder / "alone") == run.results(folder / "together") for run in runs)
        apart = together(twenty_four(), 1, folder / "apart", elsewhere=True)
        print(f"64 processes on {len(runs)} runs: {seconds:.0f} s, none failed")
        print(f"trainings: {len(trained)} different ones, done {sum(trained.values())} times")
        print(f"runs with the same files, byte for byte, as one by one: {equal} of {len(runs)}")
        print(f"24 machines on 24 runs: {len(apart)} different trainings, done {sum(apart.values())} times")
    finally:
        shutil.rmtree(folder)
    if equal < len(runs) or sum(trained.values()) != len(trained) or sum(apart.values()) != len(apart):
        raise SystemExit(1)


def twenty_four() -> list[TinyRun]:
    """Eight strategies, three repeats, as in a section of the paper."""
    strategies = ("random", "entropy", "margin", "least_confidence", "badge", "coreset", "kmeans", "density")
    return [TinyRun.composed(f"strategy={name}", f"seed={seed}") for name in strategies for seed in range(3)]


if __name__ == "__main__":
    main()
