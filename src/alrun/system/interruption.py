"""Signals that stop a run: SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 end it after its current step, with a checkpoint.

A closed terminal sends SIGHUP; if it is ignored (nohup), it stays so. A worker of a sweep ends at once when the process
that started it ends: nobody else would stop it, and its checkpoints are there.

If a launcher has a handler of its own (submitit requeues the job), it is called once the checkpoint is written; if it
returns, the run continues.
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
    """Ends a run from within. Not an Exception, so that no handler takes it for a failure."""


class Preempted(Exception):
    """Informs a launcher that a run was stopped before it was finished."""


_received: int | None = None  # the signal to stop that this process received
_deferred = 0  # how many callers look for signals themselves
_running = 0  # runs that are under way in this process
_previous: dict[int, Callable[[int, FrameType | None], Any]] = {}  # a launcher's handlers


def install_handlers() -> None:
    """Handle signals from now on; only the main thread can. A process that another one started ends with that one."""
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
    """Let this process end when ``parent``, the process that started it, has ended in any way."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # elsewhere than on Linux
        # The system's own way also reaches a process that is deep in a computation.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=[parent], name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    """End this process when ``parent`` is gone; look every second."""
    if os.name == "nt":  # keeps the parent's number after it is gone
        multiprocessing.parent_process().join()  # pyright: ignore[reportOptionalMemberAccess]
    while os.name != "nt" and os.getppid() == parent:
        time.sleep(1)
    os._exit(EXIT_CODE)


def received() -> int | None:
    """The number of the signal to stop that this process received, None without one."""
    return _received


def stop_if_signaled() -> None:
    """Stop here if a signal to stop was received: all that is computed is saved.

    Raises:
        Interrupted: A signal was received, and no launcher handles it.
    """
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
    """In this context signals wait until ``stop_if_signaled`` is called; outside, a signal stops the run at once."""
    global _deferred
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1


@contextlib.contextmanager
def running() -> Iterator[None]:
    """In this context the process computes a run itself; outside, its child processes do, if it has any.

    An error after a signal counts as caused by the signal, which may have reached code that cannot handle it.
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
    """Drop what is written to a terminal that is gone, instead of raising an error."""
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
