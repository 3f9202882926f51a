"""Signals in a program's first second, and readers that close its output: set up before anything heavy is imported.

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

RETRY = 75  # EX_TEMPFAIL of sysexits.h: try again later, the same command continues
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
SAYS = "Interrupted. Nothing that was saved is lost: the same command continues from there."


def is_program() -> bool:
    """Whether Python is about to run a module of alrun: until it is found, ``-m`` is the program's name."""
    return sys.argv[:1] == ["-m"] and any(word.partition(".")[0] == "alrun" for word in sys.orig_argv[1:])


def install_early_handlers() -> None:
    """Let a signal during imports end the program with one sentence, and a closed output not end it.

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
    """End the process at once, with one sentence."""
    says = SAYS if number == signal.SIGINT else "Stopped by a signal: type the same command again."
    with suppress(OSError):  # the terminal is gone
        os.write(2, f"{says}\n".encode())
    os._exit(128 + number if number == signal.SIGINT else RETRY)


def restore_ctrl_c() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again; the caller catches it."""
    if signal.getsignal(signal.SIGINT) is stop_process:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def holding_ctrl_c() -> Iterator[None]:
    """Delay Ctrl-C to the end of the context: libraries that are imported in it would lose or change an exception."""
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
    """The raw file of a stream; with PYTHONUNBUFFERED there is no buffer between them."""
    return getattr(stream.buffer, "raw", stream.buffer)


def patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """The same stream, which may be written to after its reader (``| head``) has left."""
    raw: Any = Patient(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if raw_of(stream) is stream.buffer else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class Patient(io.FileIO):
    """A file descriptor whose reader may leave: later output is dropped, and work continues."""

    def write(self, data: Any, /) -> int | None:
        """Write bytes; returns their number, also once nobody reads them."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
