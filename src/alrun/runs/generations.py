"""Numbered checkpoints of a run: only a process that read or wrote the one before may write the next."""

import logging
import os
import re
from pathlib import Path
from typing import Any

from alrun.system import files
from alrun.system.errors import StorageError
from alrun.system.lock import TakenOver
from alrun.training.checkpoint import load_checkpoint, serialize

log = logging.getLogger(__name__)


class Generations:
    """Numbered checkpoints, ``state-1.pt`` and so on for the path ``state.pt``, of which the last two are kept.

    A save creates the file that follows the newest one that this process read or wrote, and only if none has that
    number. If two processes compute the same run, only one succeeds, since a file is created once; this needs neither a
    lock nor a clock. A process that slept while another one continued is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.newest = 0  # number of the newest generation that this process knows; 0: none
        self.whole = 0  # number of the newest one that can be read

    def at(self, number: int) -> Path:
        """Path of the generation ``number``."""
        return self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")

    def numbers(self) -> list[int]:
        """Numbers of the generations on disk, ascending."""
        name = re.compile(rf"{re.escape(self.path.stem)}-(\d+){re.escape(self.path.suffix)}")
        try:
            found = os.listdir(self.path.parent)
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for each in found if (match := name.fullmatch(each)))

    def read(self, fix: str) -> dict[str, Any] | None:
        """The newest intact generation, None if there never was one; nothing is changed.

        Raises:
            UserError: All generations are damaged; the message ends in ``fix``.
        """
        damage, numbers = None, self.numbers()
        for number in reversed(numbers):
            try:
                content = load_checkpoint(self.at(number))
            except ValueError as error:
                if self.at(number).exists():  # else another process has removed it meanwhile
                    damage = damage or f"{self.at(number)} is damaged ({error})"
                continue
            if damage:
                log.warning("%s: going on from the checkpoint before it", damage)
            self.newest, self.whole = numbers[-1], number
            return content
        if damage:
            raise StorageError(f"{damage}: {fix}.")
        return None

    def check(self) -> None:
        """Check that no other process has saved since this one read or saved.

        Raises:
            TakenOver: One has.
        """
        if max(self.numbers(), default=0) != self.newest:
            raise self.lost()

    def lost(self) -> TakenOver:
        """The error that another process has saved."""
        newest = max(self.numbers(), default=0)
        there = f"{self.at(newest).name} is there" if newest else "no checkpoint is there"
        known = self.at(self.newest).name if self.newest else "none"
        return TakenOver(
            f"{self.path.parent} is now computed by another process ({there}, the last that this one knows is "
            f"{known}); this process leaves the run to it."
        )

    def write(self, content: dict[str, Any]) -> None:
        """Save ``content`` as the next generation, and remove all others but the one before it.

        Raises:
            TakenOver: Another process has saved since this one read or saved; nothing is changed.
            UserError: The disk is full or the folder cannot be written to; earlier files are kept.
        """
        self.check()
        number = self.newest + 1
        created = files.create(self.at(number), serialize(content))
        if self.numbers()[-1:] != [number]:  # another process is ahead: it has used this number and removed the file
            if created:
                files.remove(self.at(number))
            raise self.lost()
        if not created:
            raise self.lost()
        for other in self.numbers():
            if other < number and other != self.whole:
                self.put_away(other)
        self.newest = self.whole = number

    def put_away(self, number: int) -> None:
        """Remove an old generation; a damaged one is renamed instead, so that it can be examined."""
        if number < self.whole:
            files.remove(self.at(number))
        else:
            files.rename(self.at(number), self.at(number).with_name(f"{self.at(number).name}.damaged"))
