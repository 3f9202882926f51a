"""Many processes at once on the same runs, sharing a folder and its caches."""

import json
import os
import shutil
import signal
import socket
from collections import Counter
from functools import partial
from pathlib import Path

from alrun.system import lock
from alrun.training.trainer import Trainer
from tests.heavy.crash_cases.disk import Sleeper
from tests.heavy.crash_cases.runs import TinyRun, in_child, start_child


def together(runs: list[TinyRun], times: int, outputs: Path, elsewhere: bool = False) -> Counter[str]:
    """Start every run ``times`` times, all at once, in a process each; how often each training was done.

    A training is named by seed, round and the labels it was given. A process that fails is an AssertionError. With
    ``elsewhere`` every process seems to be on a machine of its own, whose file system does not pass on locks.
    """
    log = outputs / "trained"
    outputs.mkdir(parents=True)
    log.touch()
    fit = Trainer.fit

    def noted(self, model, pool, seed, round, *arguments, **settings):
        result = fit(self, model, pool, seed, round, *arguments, **settings)
        line = json.dumps([seed, round, pool.labeled.tolist()]) + "\n"
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        return result

    def complete(run: TinyRun, number: int) -> None:
        Trainer.fit = noted
        if elsewhere:
            move_to(f"machine{number}")
        run.complete(outputs)

    children = {start_child(partial(complete, run, number)): run for number, run in enumerate(runs * times)}
    failed = []
    for child, run in children.items():
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            failed.append(str(run.place))
    assert not failed, f"processes failed: {failed}"
    return Counter(log.read_text().splitlines())


def sleeps_at(run: TinyRun, folder: Path, point: int, other: int | None = None) -> dict[str, bytes]:
    """Stop ``run`` before write ``point`` until another process has taken it over and ended it, then let it go on.

    With ``other`` that process is stopped before its write of that number, and goes on after the first one ended.
    Nobody's system locks are seen by another. Returns the results that are left.
    """
    outputs, shadow = folder / "taken", folder / "shadow"
    shadow.mkdir(parents=True)
    sleepers = [asleep(run, outputs, shadow, point, "one"), asleep(run, outputs, shadow, other, "two")]
    for child in sleepers:
        if child is not None:
            os.kill(child, signal.SIGCONT)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert status == 0, f"a process that slept before write {point} or {other} ended with {status}"
    assert not list(outputs.glob("runs/*/*/failed.txt")), "a process that lost the run left failed.txt"
    assert in_child(lambda: run.complete(outputs)) == 0  # computes nothing, unless both have left it to the other
    results = run.results(outputs)
    shutil.rmtree(shadow)
    shutil.rmtree(outputs)
    return results


def asleep(run: TinyRun, outputs: Path, shadow: Path, point: int | None, machine: str) -> int | None:
    """The process that is stopped before write ``point`` of ``run``, None where it has ended before or was not to."""

    def work() -> None:
        move_to(machine)
        lock.LEASE_SECONDS, lock.SIGN_EVERY = 0.3, 0.1
        Sleeper(outputs, shadow, point).install()
        run.complete(outputs)

    child = start_child(work)
    status = os.waitpid(child, os.WUNTRACED)[1]
    if os.WIFSTOPPED(status):
        return child
    assert os.waitstatus_to_exitcode(status) == 0, f"a process on machine {machine} failed"
    return None


def move_to(machine: str) -> None:
    """Let this process be on ``machine``: others see no process of theirs behind its leases, nor its system locks."""
    socket.gethostname = lambda: machine
    lock.FileLock = NoLock


class NoLock:
    """The lock of a network file system that tells other machines nothing: free for everybody."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self, timeout: float) -> None:
        """At once."""

    def release(self) -> None:
        """Nothing to do."""
