"""Kill runs at every write they make, and at random: ``make crash-test`` (ARGS="--every 10" for a tenth of it).

For every run of crash_cases.runs, each in forked processes: it is killed before its first write, before its second,
and so on; in two of three cases the power fails too, so that what was not fsynced is lost (the data of files, or also
the renames in folders); then it is completed and its files are compared, byte for byte, with those of a run that
nobody disturbed. A write is each opening for writing, half
of a write, fsync, link, rename, removal and making of a folder. Then SIGKILL at random times, up to five times a run.
Last, a run is not killed but stopped (SIGSTOP) before a write until another process, which sees none of its locks, has
taken it over and ended it, or was itself stopped half way; then both go on.
"""

import argparse
import logging
import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.heavy.crash_cases.disk import Lost
from tests.heavy.crash_cases.many import sleeps_at
from tests.heavy.crash_cases.runs import CASES, TinyRun, dies_at, dies_at_random, prepare, write_points


def main() -> None:
    """Print a row for every run and kind of death, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="kill at every n-th write alone")
    parser.add_argument("--random", type=int, default=20, help="runs of each kind that die at random times")
    parser.add_argument("--asleep", type=int, default=40, help="runs of each kind that are stopped and taken over")
    parser.add_argument("--seed", type=int, default=0, help="of the random times")
    arguments = parser.parse_args()
    logging.disable()
    prepare()
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="alrun-crash-", dir=shared if shared.is_dir() else None))
    started = time.perf_counter()
    try:
        tried, survived = 0, 0
        for name, overrides in CASES.items():
            counts = crash(name, TinyRun.composed(*overrides), folder, arguments)
            tried, survived = tried + counts[0], survived + counts[1]
        minutes = (time.perf_counter() - started) / 60
        print(f"kills and stops survived / tried: {survived} / {tried}, in {minutes:.1f} minutes")
    finally:
        shutil.rmtree(folder)
    if survived < tried:
        raise SystemExit(1)


def crash(name: str, run: TinyRun, folder: Path, arguments: argparse.Namespace) -> tuple[int, int]:
    """Kills tried and survived of one run."""
    points = write_points(run, folder)
    begun = time.perf_counter()
    run.complete(folder / "timed")
    seconds = time.perf_counter() - begun
    expected = run.results(folder / "whole")
    tried, survived = 0, 0
    for point in range(1, len(points) + 1, arguments.every):
        what: Lost = ("nothing", "data", "renames")[point // arguments.every % 3]
        tried += 1
        if outcome := wrong(lambda: dies_at(run, folder, point, what), expected, folder):  # noqa: B023
            print(f"  {name}, write {point} ({points[point - 1]}), {what} lost: {outcome}", flush=True)
        else:
            survived += 1
    print(f"{name}: {len(points)} writes; killed at {tried} of them, survived {survived}", flush=True)
    draws, deaths = random.Random(arguments.seed), 0
    for attempt in range(arguments.random):
        counted: list[int] = []

        def random_deaths(counted: list[int] = counted) -> dict[str, bytes]:
            died, results = dies_at_random(run, folder, seconds, draws)
            counted.append(died)
            return results

        outcome = wrong(random_deaths, expected, folder)
        died = counted[0] if counted else 1
        tried, deaths = tried + died, deaths + died
        if outcome:
            print(f"  {name}, random run {attempt}: {outcome}")
        else:
            survived += died
    print(f"{name}: {deaths} kills at random times in {arguments.random} runs", flush=True)
    for _ in range(arguments.asleep):
        point, other = draws.randrange(1, 1 + len(points)), draws.choice([None, draws.randrange(1, 1 + len(points))])
        tried += 1
        if outcome := wrong(lambda: sleeps_at(run, folder, point, other), expected, folder):  # noqa: B023
            print(
                f"  {name}, stopped at write {point} ({points[point - 1]}), the other at {other}: {outcome}", flush=True
            )
        else:
            survived += 1
    print(f"{name}: {arguments.asleep} times stopped and taken over", flush=True)
    for leftover in folder.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return tried, survived


def wrong(attempt, expected: dict[str, bytes], folder: Path) -> str:
    """What is wrong with the results of ``attempt``; nothing, if they are as ``expected``."""
    try:
        results = attempt()
    except AssertionError as error:
        for name in ("killed", "taken", "shadow"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return str(error)
    differing = [name for name in expected if results[name] != expected[name]]
    return f"{', '.join(differing)} differ" if differing else ""


if __name__ == "__main__":
    main()
