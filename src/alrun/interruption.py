"""Being told to stop: SIGTERM, SIGUSR1 and SIGUSR2 end a run after the step it is at, with a checkpoint.

Where a launcher has a handler of its own (submitit requeues the job), that one is called once the checkpoint is
written, and if it returns the run goes on.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again later, the same command goes on
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]


class Interrupted(BaseException):
    """Ends a run from within. Not an Exception, so that nothing on the way takes it for a failure."""


class Preempted(Exception):
    """Tells a launcher that a run was stopped and is not finished."""


_received: int | None = None  # the signal that told this process to stop
_deferred = 0  # how many callers look for signals themselves
_running = 0  # runs that are under way in this process
_previous: dict[int, Callable[[int, FrameType | None], Any]] = {}  # a launcher's handlers


def install() -> None:
    """Listen from now on; only a process's main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if handler is _handle:
            continue
        if callable(handler):
            _previous[number] = handler
        signal.signal(number, _handle)


def received() -> int | None:
    """The signal that told this process to stop, if one did."""
    return _received


def check() -> None:
    """Stop here if the process was told to: all that is computed is saved."""
    global _received
    if _received is None:
        return
    launcher = _previous.get(_received)
    if launcher is None:
        raise Interrupted(signal.Signals(_received).name)
    number, _received = _received, None
    launcher(number, None)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Signals wait, in here, until someone calls ``check``; outside a signal stops the run at once."""
    global _deferred
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1


@contextlib.contextmanager
def running() -> Iterator[None]:
    """In here this process computes a run itself; outside, its child processes do, if it has any."""
    global _running
    _running += 1
    try:
        yield
    finally:
        _running -= 1


def _handle(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    computing = [] if _running else children()
    for child in computing:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)  # the one that joblib's own helper process ignores
    if not computing and not _deferred:  # else this process goes on to wait for the children
        check()


def children() -> list[int]:
    """This process's child processes, where the system lists them."""
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    return found
