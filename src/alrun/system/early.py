"""What a program settles before it imports anything heavy: signals of its first second, and readers that leave.

``import alrun`` calls ``install_early_handlers`` where alrun is the program; an application that imports alrun keeps
its own handlers.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

RETRY = 75  # EX_TEMPFAIL of sysexits.h: try again later, the same command goes on
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
SAYS = "Interrupted. Nothing that was saved is lost: the same command goes on from there."


def is_program() -> bool:
    """Whether Python is about to run a module of alrun: ``-m`` stands for a program's name until it is found."""
    return sys.argv[:1] == ["-m"] and any(word.partition(".")[0] == "alrun" for word in sys.orig_argv[1:])


def install_early_handlers() -> None:
    """Let the program end with one sentence where a signal comes during imports, and outlive the reader of its output.

    An exception would be lost or changed on its way through the import of a library.
    """
    for number in (signal.SIGINT, *SIGNALS):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # nohup ignores SIGHUP
            signal.signal(number, stop_process)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and type(raw_of(stream)) is io.FileIO:
            setattr(sys, name, patient(stream))


def stop_process(number: int, _frame: FrameType | None) -> None:
    """End the process at once."""
    says = SAYS if number == signal.SIGINT else "Stopped by a signal: type the same command again."
    with suppress(OSError):  # the terminal is gone
        os.write(2, f"{says}\n".encode())
    os._exit(128 + number if number == signal.SIGINT else RETRY)


def restore_ctrl_c() -> None:
    """Ctrl-C is an exception again: whoever calls this catches it."""
    if signal.getsignal(signal.SIGINT) is stop_process:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def holding_ctrl_c() -> Iterator[None]:
    """In here Ctrl-C waits for the end: libraries are imported, in which an exception would be lost or changed."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


def raw_of(stream: io.TextIOWrapper) -> Any:
    """What writes to the file; PYTHONUNBUFFERED leaves out what is between."""
    return getattr(stream.buffer, "raw", stream.buffer)


def patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """The same stream, into which one may write when its reader (``| head``) has gone."""
    raw: Any = Patient(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if raw_of(stream) is stream.buffer else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class Patient(io.FileIO):
    """A file descriptor whose reader may leave: what is written from then on vanishes, and work goes on."""

    def write(self, data: Any, /) -> int | None:
        """As of a file."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
