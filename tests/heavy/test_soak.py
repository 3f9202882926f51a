"""Repeated small runs in one process: ``make soak`` (ARGS="--minutes 120"), with the memory that it takes over time.

Every run is of another seed and one of three kinds (crash_cases.runs). Memory is what the process has resident; it
must not grow once the first runs have filled what is kept on purpose (data, modules).
"""

import argparse
import gc
import logging
import shutil
import tempfile
import time
from pathlib import Path

from tests.heavy.crash_cases.runs import CASES, TinyRun, prepare


def main() -> None:
    """Print a line a minute, and fail if the memory of the last tenth exceeds that of the second by 5 % or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    minutes = parser.parse_args().minutes
    logging.disable()
    prepare()
    folder = Path(tempfile.mkdtemp(prefix="alrun-soak-"))
    runs = [TinyRun.composed(*overrides) for overrides in CASES.values()]
    seen: list[float] = []
    started = told = time.perf_counter()
    try:
        while (now := time.perf_counter()) - started < 60 * minutes:
            run = runs[len(seen) % len(runs)]
            run.cfg.seed = run.cfg.initial_seed = len(seen)
            run.complete(folder / "outputs")
            shutil.rmtree(folder / "outputs")
            gc.collect()
            seen.append(resident())
            if now - told >= 60 or len(seen) == 1:
                print(f"{(now - started) / 60:6.1f} min {len(seen):6d} runs {seen[-1]:8.1f} MB", flush=True)
                told = now
    finally:
        shutil.rmtree(folder)
    tenth = max(1, len(seen) // 10)
    early, late = max(seen[tenth : 2 * tenth] or seen), max(seen[-tenth:])
    print(f"{len(seen)} runs in {minutes:g} minutes: at most {early:.1f} MB early and {late:.1f} MB late")
    if late > 1.05 * early:
        raise SystemExit(1)


def resident() -> float:
    """Megabytes that this process has in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("there is no /proc/self/status here: the memory of a process is read from it")


if __name__ == "__main__":
    main()
