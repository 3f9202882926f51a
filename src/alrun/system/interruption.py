"""Being told to stop: SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 end a run after the step it is at, with a checkpoint.

A terminal that is closed sends SIGHUP; one that is ignored (nohup) stays so. A worker of a sweep ends with the process
that started it, at once: nobody would tell it to stop, and what it saved is there.

Where a launcher has a handler of its own (submitit requeues the job), that one is called once the checkpoint is
written, and if it returns the run goes on.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from alrun.system import early

EXIT_CODE = early.RETRY


class Interrupted(BaseException):
    """Ends a run from within. Not an Exception, so that nothing on the way takes it for a failure."""


class Preempted(Exception):
    """Tells a launcher that a run was stopped and is not finished."""


_received: int | None = None  # the signal that told this process to stop
_deferred = 0  # how many callers look for signals themselves
_running = 0  # runs that are under way in this process
_previous: dict[int, Callable[[int, FrameType | None], Any]] = {}  # a launcher's handlers


def install_handlers() -> None:
    """Listen from now on; only a process's main thread can. A process that another one started ends with that one."""
    if threading.current_thread() is not threading.main_thread():
        return
    if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
        end_with(parent.pid)
    for number in early.SIGNALS:
        handler = signal.getsignal(number)
        if handler is _handle or handler is signal.SIG_IGN:
            continue
        if callable(handler) and handler is not early.stop_process:
            _previous[number] = handler
        signal.signal(number, _handle)


PR_SET_PDEATHSIG = 1  # of Linux's prctl


@cache  # a process has one parent
def end_with(parent: int) -> None:
    """Let this process end when the process ``parent``, which started it, is gone, however that one ended."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # elsewhere than on Linux
        # The system's own way reaches a process that is deep in a computation, too.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=[parent], name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    """Look every second whether ``parent`` is there, and end this process when it is not."""
    if os.name == "nt":  # goes on telling a parent's number when that one is gone
        multiprocessing.parent_process().join()  # pyright: ignore[reportOptionalMemberAccess]
    while os.name != "nt" and os.getppid() == parent:
        time.sleep(1)
    os._exit(EXIT_CODE)


def received() -> int | None:
    """The signal that told this process to stop, if one did."""
    return _received


def stop_if_signaled() -> None:
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
    """Signals wait, in here, until someone calls ``stop_if_signaled``; outside a signal stops the run at once."""
    global _deferred
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1


@contextlib.contextmanager
def running() -> Iterator[None]:
    """In here this process computes a run itself; outside, its child processes do, if it has any.

    An error in here after a signal is taken for the signal's: it may have reached code that could not bear it.
    """
    global _running
    _running += 1
    try:
        yield
    except Exception:
        stop_if_signaled()
        raise
    finally:
        _running -= 1


def _handle(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    if number == getattr(signal, "SIGHUP", None):
        _leave_the_terminal()
    computing = [] if _running else children()
    for child in computing:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)  # the one that joblib's own helper process ignores
    if not computing and not _deferred:  # else this process goes on to wait for the children
        stop_if_signaled()


def _leave_the_terminal() -> None:
    """Let what is written to a terminal that is gone vanish, instead of being an error where it is written."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def children() -> list[int]:
    """This process's child processes, where the system lists them."""
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    return found
