"""A window of time: commands that are stopped at its end, and a record of how they ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POLL = 0.1  # seconds between two looks at the processes


@dataclass
class Command:
    """A process to start."""

    name: str
    words: list[str]
    about: dict[str, Any] = field(default_factory=dict)  # for the record


class Window:
    """A window of time for commands, which get SIGTERM shortly before ``minutes`` are over, and SIGKILL if they go on.

    Args:
        out: Folder of the results: ``window.json``, ``log.txt`` and the files that the commands write there.
        minutes: From now on.
        record: The head of ``window.json``, which is rewritten after every command.
    """

    def __init__(self, out: Path, minutes: float, record: dict[str, Any]) -> None:
        self.out = out
        self.started = time.monotonic()
        self.end = self.started + 60 * minutes
        self.grace = min(30.0, 6 * minutes)  # seconds for the commands to stop and to write their files
        self.record = {**record, "minutes": minutes, "ended": "not yet", "commands": []}
        out.mkdir(parents=True, exist_ok=True)
        self.write()

    def left(self) -> float:
        """Seconds until commands get SIGTERM."""
        return self.end - self.grace - time.monotonic()

    def close(self, *_: object) -> None:
        """End the window now; also a signal's handler."""
        self.end = min(self.end, time.monotonic() + self.grace)

    def write(self) -> None:
        """Write the record, in one step."""
        temporary = self.out / ".window.json"
        temporary.write_text(json.dumps(self.record, indent=1) + "\n")
        os.replace(temporary, self.out / "window.json")

    def run(
        self,
        stage: str,
        commands: Iterable[Command],
        seconds: float = float("inf"),
        at_once: int = 1,
        every: Callable[[], object] | None = None,
    ) -> list[int]:
        """Exit statuses of ``commands``, ``at_once`` at a time, for at most ``seconds``.

        ``commands`` is asked for the next one when there is room for it. ``every`` is called about twice a minute.
        """
        until = min(time.monotonic() + seconds, self.end - self.grace)
        source, running, statuses = iter(commands), [], []
        called, exhausted = time.monotonic(), False
        with (self.out / "log.txt").open("a") as log:
            try:
                while running or not exhausted:
                    if time.monotonic() >= min(until, self.end - self.grace):
                        break
                    while len(running) < at_once and not exhausted:
                        command = next(source, None)
                        exhausted = command is None or time.monotonic() >= min(until, self.end - self.grace)
                        if command is not None and not exhausted:
                            running.append(Running(stage, command, log))
                    time.sleep(POLL)
                    for each in [each for each in running if each.process.poll() is not None]:
                        running.remove(each)
                        statuses.append(self.note(each))
                    if every and time.monotonic() - called > 30:
                        every()
                        called = time.monotonic()
            finally:
                stop([each.process for each in running], self.grace * 2 / 3)
                statuses += [self.note(each, stopped=True) for each in running]
                if every:
                    every()
        return statuses

    def note(self, each: "Running", stopped: bool = False) -> int:
        """Add an ended command to the record; returns its exit status, 0 if the limit stopped it."""
        status = each.process.returncode
        entry = {"stage": each.stage, "name": each.command.name, "seconds": round(time.monotonic() - each.started, 1)}
        ended = "stopped at the limit" if stopped else "done" if status == 0 else f"failed with status {status}"
        self.record["commands"].append(entry | {"ended": ended} | each.command.about)
        self.write()
        print(
            f"{stamp(self.started)} {each.stage}: {each.command.name}: {ended} after {entry['seconds']} s", flush=True
        )
        return 0 if stopped else status

    def finish(self, ended: str) -> None:
        """Write to the record how the window ended."""
        self.record |= {"ended": ended, "seconds": round(time.monotonic() - self.started, 1)}
        self.write()


class Running:
    """A running command, in a process group of its own so that its child processes end with it."""

    def __init__(self, stage: str, command: Command, log: Any) -> None:
        self.stage = stage
        self.command = command
        self.started = time.monotonic()
        log.write(f"\n$ {' '.join(command.words)}\n")
        log.flush()
        self.process = subprocess.Popen(command.words, stdout=log, stderr=log, start_new_session=True)


def stop(processes: list[subprocess.Popen], seconds: float) -> None:
    """Send SIGTERM to all processes, and SIGKILL to those that still run after ``seconds``."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        for process in alive(processes):
            os.killpg(process.pid, number)
        until = time.monotonic() + patience
        while list(alive(processes)) and time.monotonic() < until:
            time.sleep(POLL)


def alive(processes: list[subprocess.Popen]) -> Iterator[subprocess.Popen]:
    """The processes that have not ended."""
    return (process for process in processes if process.poll() is None)


def stamp(started: float) -> str:
    """Minutes and seconds since ``started``, as text."""
    seconds = int(time.monotonic() - started)
    return f"{seconds // 60:3}:{seconds % 60:02}"
