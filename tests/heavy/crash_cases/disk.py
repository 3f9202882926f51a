"""A disk that loses, when the power fails, what was not fsynced; and a process that dies at a chosen write."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from alrun.system import files

DEATH = 137  # exit status, as of SIGKILL in a shell
# What Python announces before it changes a folder; writes and fsyncs are counted by Disk.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


Lost = Literal["nothing", "data", "renames"]


class Disk:
    """Stands for ``os`` in alrun.system.files: does what it does, and remembers what a power cut would undo.

    Args:
        folder: Whose changes count; elsewhere nothing is noted.
        shadow: A folder on the same file system for what a rename replaced.
        last: Number of the write before which the process dies, from 1 on; None: it lives.
        lost: What dies with it. ``nothing``: the process is killed. ``data``: the power fails, and files lose half of
            what was not fsynced. ``renames``: folders lose the renames and removals since their last fsync, too.
    """

    def __init__(self, folder: Path, shadow: Path, last: int | None = None, lost: Lost = "nothing") -> None:
        self.folder = str(folder)
        self.shadow = shadow
        self.last = last
        self.lost: Lost = lost
        self.writes: list[str] = []
        self.names: dict[int, str] = {}  # of open descriptors
        self.dirty: dict[str, int] = {}  # bytes that are safe of files that have others
        self.renames: list[tuple[str | None, str, str | None]] = []  # from, to, where its predecessor is
        self.links: list[str] = []

    def install(self) -> None:
        """Watch this process from now on: there is no way back, so let it be a child."""
        files.os = self  # type: ignore[assignment]
        sys.addaudithook(self.hear)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def hear(self, event: str, arguments: tuple) -> None:
        """Count what changes the folder."""
        changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        if changes and str(arguments[0]).startswith(self.folder):
            self.count(f"{event} {Path(str(arguments[0])).name}")

    def count(self, what: str) -> None:
        """A write is about to happen; the process may die of it."""
        self.writes.append(what)
        if len(self.writes) == self.last:
            self.last = None  # undoing is no write
            self.end()

    def end(self) -> None:
        """Die."""
        self.lose()
        os._exit(DEATH)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """As os.open."""
        descriptor = os.open(path, flags, mode)
        self.names[descriptor] = str(path)
        return descriptor

    def write(self, descriptor: int, content: Any) -> int:
        """In two halves, so that a process can die between them."""
        name, half = self.names[descriptor], len(content) // 2
        self.dirty.setdefault(name, os.fstat(descriptor).st_size)
        self.count(f"write {Path(name).name}")
        done = os.write(descriptor, content[:half])
        self.count(f"write {Path(name).name}")
        return done + os.write(descriptor, content[half:])

    def fsync(self, descriptor: int) -> None:
        """From here on a power cut does no harm to the file, or to the names in the folder."""
        name = self.names[descriptor]
        self.count(f"fsync {Path(name).name}")  # the real one would only cost time: this machine does not lose power
        self.dirty.pop(name, None)
        self.renames = [rename for rename in self.renames if str(Path(rename[1]).parent) != name]
        self.links = [link for link in self.links if str(Path(link).parent) != name]

    def replace(self, source: Any, target: Any) -> None:
        """As os.replace."""
        predecessor = self.saved(str(target))
        os.replace(source, target)
        self.renames.append((str(source), str(target), predecessor))
        if str(source) in self.dirty:
            self.dirty[str(target)] = self.dirty.pop(str(source))

    def link(self, source: Any, target: Any) -> None:
        """As os.link: a second name for a file, which a power cut may take as it may what is in it."""
        os.link(source, target)
        self.links.append(str(target))
        if str(source) in self.dirty:
            self.dirty[str(target)] = self.dirty[str(source)]

    def unlink(self, path: Any) -> None:
        """As os.unlink."""
        predecessor = self.saved(str(path))
        os.unlink(path)
        self.renames.append((None, str(path), predecessor))

    def saved(self, name: str) -> str | None:
        """Another name for the file that is about to lose this one."""
        if not os.path.exists(name):
            return None
        kept = str(self.shadow / str(len(list(self.shadow.iterdir()))))
        folder, self.folder = self.folder, "\0"  # not a write of alrun's
        os.link(name, kept)
        self.folder = folder
        return kept

    def lose(self) -> None:
        """What a power cut takes."""
        self.folder = "\0"
        if self.lost == "nothing":
            return
        for name, safe in self.dirty.items():
            if os.path.exists(name):
                os.truncate(name, safe + (os.path.getsize(name) - safe) // 2)
        for source, target, predecessor in reversed(self.renames if self.lost == "renames" else []):
            if source is not None and os.path.exists(target):
                os.replace(target, source)
            if predecessor is not None:
                os.replace(predecessor, target)
        for target in self.links if self.lost == "renames" else []:
            with suppress(FileNotFoundError):  # it was removed for good since
                os.unlink(target)


class Sleeper(Disk):
    """A process that does not die at a write but is stopped there until it is sent SIGCONT."""

    def end(self) -> None:
        """Stop."""
        os.kill(os.getpid(), signal.SIGSTOP)
