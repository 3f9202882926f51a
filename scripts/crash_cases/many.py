"""Many processes at once on the same runs, sharing a folder and its caches."""

import json
import os
import socket
from collections import Counter
from pathlib import Path

from alrun import lock
from alrun.train import Trainer
from crash_cases.runs import TinyRun, fork


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

    children = {}
    for run in runs * times:
        child = fork()
        if child == 0:
            status = 1
            try:
                Trainer.fit = noted
                if elsewhere:
                    move_to(f"machine{len(children)}")
                run.complete(outputs)
                status = 0
            finally:
                os._exit(status)
        children[child] = run
    failed = []
    for child, run in children.items():
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            failed.append(str(run.place))
    assert not failed, f"processes failed: {failed}"
    return Counter(log.read_text().splitlines())


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
