"""Repeated small runs in one process do not grow: ``make soak`` (SOAK_MINUTES=120 for two hours).

Every run is of another seed and one of three kinds (crash_cases.runs). Memory is what the process has resident; it
must not grow once the first runs have filled what is kept on purpose (data, modules).
"""

import gc
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.heavy.crash_cases.runs import CASES, TinyRun
from tests.heavy.sizes import size

STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="the memory of a process is read from /proc")
def test_memory_of_the_last_tenth_is_at_most_5_percent_above_the_second(forks, folder):
    minutes = size("SOAK_MINUTES", 10)
    runs = [TinyRun.composed(*overrides) for overrides in CASES.values()]
    seen: list[float] = []
    started = printed = time.perf_counter()
    while (now := time.perf_counter()) - started < 60 * minutes or len(seen) < 20:
        run = runs[len(seen) % len(runs)]
        run.cfg.seed = run.cfg.initial_seed = len(seen)
        run.place = run.place.with_name(re.sub(r"seed\d+$", f"seed{len(seen)}", run.place.name))
        run.complete(folder / "outputs")
        shutil.rmtree(folder / "outputs")
        gc.collect()
        seen.append(resident())
        if now - printed >= 60 or len(seen) == 1:
            print(f"{(now - started) / 60:6.1f} min {len(seen):6d} runs {seen[-1]:8.1f} MB", flush=True)
            printed = now
    tenth = len(seen) // 10
    early, late = max(seen[tenth : 2 * tenth]), max(seen[-tenth:])
    print(f"{len(seen)} runs in {minutes} minutes: at most {early:.1f} MB early and {late:.1f} MB late")
    assert late <= 1.05 * early


def resident() -> float:
    """Megabytes that this process has in memory."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
