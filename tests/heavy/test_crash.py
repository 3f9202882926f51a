"""Kill runs at every write they make, and at random: ``make crash-test`` (EVERY=10 for a tenth of it).

For every run of crash_cases.runs, each in forked processes: it is killed before its first write, before its second,
and so on; in two of three cases the power fails too, so that what was not fsynced is lost (the data of files, or also
the renames in folders); then it is completed and its files are compared, byte for byte, with those of a run that
nobody disturbed. A write is each opening for writing, half of a write, fsync, link, rename, removal and making of a
folder. Then SIGKILL at random times, up to five times a run. Last, a run is not killed but stopped (SIGSTOP) before a
write until another process, which sees none of its locks, has taken it over and ended it, or was itself stopped half
way; then both go on.
"""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.heavy.crash_cases.disk import Lost
from tests.heavy.crash_cases.many import sleeps_at
from tests.heavy.crash_cases.runs import CASES, TinyRun, dies_at, dies_at_random, write_points
from tests.heavy.sizes import size

LOST: tuple[Lost, ...] = ("nothing", "data", "renames")
every_kind = pytest.mark.parametrize("name", CASES)


class Undisturbed:
    """A run of one kind, its writes, its results and its seconds, and what went wrong with disturbed ones."""

    def __init__(self, name: str, folder: Path) -> None:
        self.run, self.folder = TinyRun.composed(*CASES[name]), folder
        self.points = write_points(self.run, folder)
        started = time.perf_counter()
        self.run.complete(folder / "timed")
        self.seconds = time.perf_counter() - started
        self.expected = self.run.results(folder / "whole")
        self.wrong: list[str] = []

    def compare(self, what: str, disturbed: Callable[[], dict[str, bytes]]) -> None:
        """Note how the results of ``disturbed`` differ."""
        try:
            results = disturbed()
        except AssertionError as error:
            for name in ("killed", "taken", "shadow"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            self.wrong.append(f"{what}: {error}")
            return
        differing = [name for name in self.expected if results[name] != self.expected[name]]
        if differing:
            self.wrong.append(f"{what}: {', '.join(differing)} differ")


@every_kind
def test_a_run_that_is_killed_at_a_write_ends_as_one_that_was_not(forks, folder, name):
    whole = Undisturbed(name, folder)
    every = size("EVERY", 1)
    points = range(1, len(whole.points) + 1, every)
    for point in points:
        lost: Lost = LOST[point // every % 3]
        what = f"write {point} ({whole.points[point - 1]}), {lost} lost"
        whole.compare(what, lambda: dies_at(whole.run, folder, point, lost))  # noqa: B023
    print(f"{name}: {len(whole.points)} writes; killed at {len(points)}, survived {len(points) - len(whole.wrong)}")
    assert points
    assert not whole.wrong


@every_kind
def test_a_run_that_is_killed_at_random_times_ends_as_one_that_was_not(forks, folder, name):
    whole = Undisturbed(name, folder)
    draws, deaths = random.Random(size("SEED", 0)), [0]

    def killed() -> dict[str, bytes]:
        died, results = dies_at_random(whole.run, folder, whole.seconds, draws)
        deaths[0] += died
        return results

    for attempt in range(size("RANDOM", 20)):
        whole.compare(f"random run {attempt}", killed)
    print(f"{name}: {deaths[0]} kills at random times")
    assert not whole.wrong
    assert deaths[0]


@every_kind
def test_a_run_that_is_stopped_and_taken_over_ends_as_one_that_was_not(forks, folder, name):
    whole = Undisturbed(name, folder)
    draws, count = random.Random(size("SEED", 0)), size("ASLEEP", 40)
    for _ in range(count):
        point, other = (draws.randrange(1, 1 + len(whole.points)) for _ in range(2))
        second = draws.choice([None, other])
        what = f"stopped at write {point} ({whole.points[point - 1]}), the other at {second}"
        whole.compare(what, lambda: sleeps_at(whole.run, folder, point, second))  # noqa: B023
    print(f"{name}: {count} times stopped and taken over, survived {count - len(whole.wrong)}")
    assert not whole.wrong
