"""Checkpoint files: two generations with checksums, read without executing anything that is in them.

Those of a run are numbered, and each is made by a process that read or wrote the one before it (``Generations``). Those
of a training that is under way replace one another (``Keeper``): what they hold is computed again where they are lost.
"""

import io
import logging
import os
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from alrun.system import files, interruption
from alrun.system.errors import StorageError, UserError
from alrun.system.lock import TakenOver

log = logging.getLogger(__name__)


def previous_path(path: Path) -> Path:
    """Where the generation before the one at ``path`` is kept: training.pt, training.previous.pt."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def serialize(content: dict[str, Any]) -> bytes:
    """``content`` (plain containers and tensors) as a file has it."""
    buffer = io.BytesIO()  # torch.save to a full disk would raise an error that does not say so
    torch.save(content, buffer)
    return buffer.getvalue()


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Save ``content`` at ``path``; what was there becomes the previous generation.

    Raises:
        UserError: The disk is full or the folder cannot be written to; what was saved before is kept.
    """
    files.write(path, serialize(content), previous_path(path))


def read_checkpoint(path: Path, fix: str) -> dict[str, Any] | None:
    """The newest generation at ``path`` that is whole, None if there never was one.

    A damaged generation is set aside as ``<name>.damaged`` where the one before it is whole, and logged.

    Raises:
        UserError: All that is there is damaged; the message ends in ``fix``.
    """
    damage = None
    for generation in (path, previous_path(path)):
        if not generation.exists():
            continue
        try:
            content = load_checkpoint(generation)
        except ValueError as error:
            damage = damage or f"{generation} is damaged ({error})"
            continue
        if damage:
            os.replace(path, path.with_name(f"{path.name}.damaged"))  # else it would replace the good one
            log.warning("%s: going on from the checkpoint before it", damage)
        return content
    if damage:
        raise StorageError(f"{damage}: {fix}.")
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What ``write_checkpoint`` wrote to ``path``: tensors and plain values alone (``weights_only``).

    Raises:
        ValueError: The file is truncated, altered or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()  # reads everything once and compares checksums
        content = torch.load(path, map_location="cpu", weights_only=True) if broken is None else None
    except PermissionError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}): give yourself the right to read it.") from error
    except zipfile.BadZipFile as error:
        raise ValueError("it is cut short, or no checkpoint") from error
    except Exception as error:  # pickle and torch raise whatever an altered byte leads to, and advise to execute it
        raise ValueError(f"it holds what no checkpoint holds: {type(error).__name__}") from error
    if broken is not None:
        raise ValueError(f"checksum of {broken}")
    if not isinstance(content, dict):
        raise ValueError("it holds no checkpoint")
    return content


class Generations:
    """Numbered checkpoints, ``state-1.pt`` and so on for the path ``state.pt``, of which the last two stay.

    A save makes the file that follows the newest one which this process read or wrote, and only if none has that
    number: of two processes that both take a run for theirs one alone succeeds, since a file is made once. No lock is
    needed for that, nor a clock. A process that slept while another one went on, however far, is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.newest = 0  # number of the newest generation that this process knows; 0: there is none
        self.whole = 0  # of the newest that can be read

    def at(self, number: int) -> Path:
        """Where the generation ``number`` is."""
        return self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")

    def numbers(self) -> list[int]:
        """Those that are there, in order."""
        name = re.compile(rf"{re.escape(self.path.stem)}-(\d+){re.escape(self.path.suffix)}")
        try:
            found = os.listdir(self.path.parent)
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for each in found if (match := name.fullmatch(each)))

    def read(self, fix: str) -> dict[str, Any] | None:
        """The newest generation that is whole, None if there never was one; nothing is changed.

        Raises:
            UserError: All that are there are damaged; the message ends in ``fix``.
        """
        damage, numbers = None, self.numbers()
        for number in reversed(numbers):
            try:
                content = load_checkpoint(self.at(number))
            except ValueError as error:
                if self.at(number).exists():  # else its process has gone on while this one reads
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
        """Make sure that no other process has saved since this one read or saved.

        Raises:
            TakenOver: One has.
        """
        if max(self.numbers(), default=0) != self.newest:
            raise self.lost()

    def lost(self) -> TakenOver:
        """That another process has saved, in words."""
        newest = max(self.numbers(), default=0)
        there = f"{self.at(newest).name} is there" if newest else "no checkpoint is there"
        known = self.at(self.newest).name if self.newest else "none"
        return TakenOver(
            f"{self.path.parent} is now computed by another process ({there}, the last that this one knows is "
            f"{known}); it leaves the run to that one."
        )

    def write(self, content: dict[str, Any]) -> None:
        """Save ``content`` as the next generation, and remove all but that and the one that it follows.

        Raises:
            TakenOver: Another process has saved since this one read or saved; nothing is changed.
            UserError: The disk is full or the folder cannot be written to; what was saved before is kept.
        """
        self.check()
        number = self.newest + 1
        created = files.create(self.at(number), serialize(content))
        if self.numbers()[-1:] != [number]:  # the others are further: they have had this number, and removed it
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
        """Remove a generation that is no longer needed; one that is damaged is kept by another name, to look at."""
        if number < self.whole:
            files.remove(self.at(number))
        else:
            files.rename(self.at(number), self.at(number).with_name(f"{self.at(number).name}.damaged"))


class Frozen:
    """Weights that no training changes, in a file of their own: once, instead of in every checkpoint beside it.

    What a checkpoint leaves out was compared with the file: a network that changes it after all loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, Tensor] | None = None

    def read(self) -> dict[str, Tensor]:
        """What the file holds; nothing where there is none.

        Raises:
            UserError: It is damaged.
        """
        if self.held is None and self.path.exists():
            try:
                self.held = load_checkpoint(self.path)
            except ValueError as error:
                raise StorageError(
                    f"{self.path} is damaged ({error}): delete {self.path.parent} to begin this run anew."
                ) from error
        return self.held or {}

    def left_out(self, weights: dict[str, Tensor], names: Iterable[str]) -> list[str]:
        """Which of the tensors ``names`` need not be in a checkpoint of ``weights``; the first call makes the file."""
        names = [name for name in names if name in weights]
        if names and not self.read():
            files.create(self.path, serialize({name: weights[name].detach().cpu() for name in names}))
        held = self.read()
        return [name for name in names if name in held and is_same(held[name], weights[name])]

    def rest(self, weights: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """``weights`` without those that are left out."""
        return {name: tensor for name, tensor in weights.items() if name not in set(names)}

    def whole(self, rest: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """The weights of which ``rest`` lacks ``names``.

        Raises:
            UserError: The file is damaged or gone.
        """
        held = self.read()
        if lost := [name for name in names if name not in held]:
            raise StorageError(
                f"{self.path} lacks {lost[0]} and is needed by the checkpoints beside it: copy it back, or delete "
                f"{self.path.parent} to begin this run anew."
            )
        return rest | {name: held[name] for name in names}


def is_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are alike in type, shape and every value."""
    return a.dtype == b.dtype and torch.equal(a, b.detach().to(a.device))


class Keeper:
    """Keeps the unfinished training of a round in a file: every ``minutes``, and when the process is told to stop.

    Args:
        path: Of the file.
        minutes: Between two checkpoints; 0: one after every step; None: only when told to stop.
        round: Of the run.
        labeled: What is trained on; a file of other labels is not this training's.
        owned: Raises an error where the training is no longer this process's to save.
    """

    def __init__(
        self, path: Path, minutes: float | None, round: int, labeled: Tensor, owned: Callable[[], None] = lambda: None
    ) -> None:
        self.path = path
        self.frozen = Frozen(frozen_beside(path))
        self.owned = owned
        self.minutes = minutes
        self.about = {"round": round, "labeled": labeled.cpu()}
        self.saved = perf_counter()

    def load(self) -> dict[str, Any] | None:
        """What was saved of this training, None where nothing was or it cannot be read."""
        try:
            content = read_checkpoint(self.path, "the round begins anew")
        except UserError as error:
            log.warning("%s", error)
            return None
        if content is None or content["round"] != self.about["round"]:
            return None
        if not torch.equal(content["labeled"], self.about["labeled"]):
            return None
        try:
            return content | {"model": self.frozen.whole(content["model"], content["frozen"])}
        except UserError as error:
            log.warning("%s", error)
            return None

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        late = self.minutes is not None and perf_counter() - self.saved >= 60 * self.minutes
        return late or interruption.received() is not None

    def save(self, content: dict[str, Any]) -> None:
        """Write ``content``, of whose ``model`` the tensors ``frozen`` may lie elsewhere; stop, if told to."""
        self.owned()
        frozen = self.frozen.left_out(content["model"], content["frozen"])
        model = self.frozen.rest(content["model"], frozen)
        write_checkpoint(self.path, self.about | content | {"model": model, "frozen": frozen})
        self.saved = perf_counter()
        interruption.check()

    @staticmethod
    def clear(path: Path) -> None:
        """Remove the file at ``path``, if there is one: the training is over and its outcome saved elsewhere."""
        files.remove(path, previous_path(path))


def frozen_beside(path: Path) -> Path:
    """Where the frozen weights of a training at ``path`` are: training.pt, frozen.pt."""
    return path.with_name(f"{path.name.removesuffix('training.pt')}frozen.pt")
