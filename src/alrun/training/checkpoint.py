"""Checkpoint files: two generations with checksums, read without executing their content.

Checkpoints of a run are numbered, and only a process that read or wrote the one before may write the next
(``Generations``). Checkpoints of a training in progress replace one another (``Keeper``): if they are lost, their
content is computed again.
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
    """Path of the generation before the one at ``path``: training.pt, training.previous.pt."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def serialize(content: dict[str, Any]) -> bytes:
    """The bytes of a file that holds ``content`` (plain containers and tensors)."""
    buffer = io.BytesIO()  # torch.save to a full disk would raise an error that does not say so
    torch.save(content, buffer)
    return buffer.getvalue()


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Save ``content`` at ``path``; the file that was there becomes the previous generation.

    Raises:
        UserError: The disk is full or the folder cannot be written to; earlier files are kept.
    """
    files.write(path, serialize(content), previous_path(path))


def read_checkpoint(path: Path, fix: str) -> dict[str, Any] | None:
    """The newest intact generation at ``path``, None if there never was one.

    If a generation is damaged and the one before it is intact, it is renamed to ``<name>.damaged`` and logged.

    Raises:
        UserError: All generations are damaged; the message ends in ``fix``.
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
            os.replace(path, path.with_name(f"{path.name}.damaged"))  # else it would replace the intact one
            log.warning("%s: going on from the checkpoint before it", damage)
        return content
    if damage:
        raise StorageError(f"{damage}: {fix}.")
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load the content that ``write_checkpoint`` wrote to ``path``: tensors and plain values only (``weights_only``).

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
        raise ValueError("it is cut short, or not a checkpoint") from error
    except Exception as error:  # an altered byte can raise anything; torch's messages advise unsafe loading
        raise ValueError(f"its content is not that of a checkpoint: {type(error).__name__}") from error
    if broken is not None:
        raise ValueError(f"checksum of {broken}")
    if not isinstance(content, dict):
        raise ValueError("it does not hold a checkpoint")
    return content


class Generations:
    """Numbered checkpoints, ``state-1.pt`` and so on for the path ``state.pt``, of which the last two stay.

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
            f"{known}); it leaves the run to that one."
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


class Frozen:
    """Weights that training does not change, in a file of their own instead of in every checkpoint beside it.

    A checkpoint leaves out only tensors that equal those of the file: a network that changes them loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, Tensor] | None = None

    def read(self) -> dict[str, Tensor]:
        """The tensors of the file by name; empty if there is none.

        Raises:
            UserError: It is damaged.
        """
        if self.held is None and self.path.exists():
            try:
                self.held = load_checkpoint(self.path)
            except ValueError as error:
                raise StorageError(
                    f"{self.path} is damaged ({error}): delete {self.path.parent} to start this run over."
                ) from error
        return self.held or {}

    def left_out(self, weights: dict[str, Tensor], names: Iterable[str]) -> list[str]:
        """Those of ``names`` that a checkpoint of ``weights`` can leave out; the first call creates the file."""
        names = [name for name in names if name in weights]
        if names and not self.read():
            files.create(self.path, serialize({name: weights[name].detach().cpu() for name in names}))
        held = self.read()
        return [name for name in names if name in held and is_same(held[name], weights[name])]

    def rest(self, weights: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """``weights`` without the tensors ``names``."""
        return {name: tensor for name, tensor in weights.items() if name not in set(names)}

    def whole(self, rest: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
        """``rest`` together with the tensors ``names`` of the file.

        Raises:
            UserError: The file is damaged or gone.
        """
        held = self.read()
        if lost := [name for name in names if name not in held]:
            raise StorageError(
                f"{self.path} lacks {lost[0]} and is needed by the checkpoints beside it: copy it back, or delete "
                f"{self.path.parent} to start this run over."
            )
        return rest | {name: held[name] for name in names}


def is_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal in type, shape and every value."""
    return a.dtype == b.dtype and torch.equal(a, b.detach().to(a.device))


class Keeper:
    """Keeps the unfinished training of a round in a file: every ``minutes``, and when a signal asks to stop.

    Args:
        path: Of the file.
        minutes: Between two checkpoints; 0: one after every step; None: only when a signal asks to stop.
        round: Of the run.
        labeled: Indices of the labeled set; a file with others belongs to another training.
        owned: Raises an error if the run now belongs to another process.
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
        """The saved state of this training; None if there is none or it cannot be read."""
        try:
            content = read_checkpoint(self.path, "the round starts over")
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
        """Write ``content``, whose ``model`` may leave out the tensors ``frozen``; stop if a signal has asked to."""
        self.owned()
        frozen = self.frozen.left_out(content["model"], content["frozen"])
        model = self.frozen.rest(content["model"], frozen)
        write_checkpoint(self.path, self.about | content | {"model": model, "frozen": frozen})
        self.saved = perf_counter()
        interruption.stop_if_signaled()

    @staticmethod
    def clear(path: Path) -> None:
        """Remove the files at ``path``, if any: the training is over and its result is saved elsewhere."""
        files.remove(path, previous_path(path))


def frozen_beside(path: Path) -> Path:
    """Path of the frozen weights of a training at ``path``: training.pt, frozen.pt."""
    return path.with_name(f"{path.name.removesuffix('training.pt')}frozen.pt")
