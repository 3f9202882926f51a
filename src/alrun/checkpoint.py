"""Checkpoint files: two generations with checksums, read without executing anything that is in them."""

import io
import logging
import os
import zipfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from alrun import files, interruption
from alrun.errors import UserError

log = logging.getLogger(__name__)


def previous(path: Path) -> Path:
    """Where the generation before the one at ``path`` is kept: state.pt, state.previous.pt."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def write(path: Path, content: dict[str, Any], generations: int = 2) -> None:
    """Save ``content`` (plain containers and tensors) at ``path``; what was there becomes the previous generation.

    Raises:
        UserError: The disk is full or the folder cannot be written to; what was saved before is kept.
    """
    buffer = io.BytesIO()  # torch.save to a full disk would raise an error that does not say so
    torch.save(content, buffer)
    files.write(path, buffer.getvalue(), previous(path) if generations == 2 else None)


def read(path: Path, fix: str) -> dict[str, Any] | None:
    """The newest generation at ``path`` that is whole, None if there never was one.

    A damaged generation is set aside as ``<name>.damaged`` where the one before it is whole, and logged.

    Raises:
        UserError: All that is there is damaged; the message ends in ``fix``.
    """
    damage = None
    for generation in (path, previous(path)):
        if not generation.exists():
            continue
        try:
            content = load(generation)
        except ValueError as error:
            damage = damage or f"{generation} is damaged ({error})"
            continue
        if damage:
            os.replace(path, path.with_name(f"{path.name}.damaged"))  # else it would replace the good one
            log.warning("%s: going on from the checkpoint before it", damage)
        return content
    if damage:
        raise UserError(f"{damage}: {fix}.")
    return None


def load(path: Path) -> dict[str, Any]:
    """What ``write`` wrote to ``path``: tensors and plain values alone (``weights_only``).

    Raises:
        ValueError: The file is truncated, altered or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()  # reads everything once and compares checksums
        content = torch.load(path, map_location="cpu", weights_only=True) if broken is None else None
    except PermissionError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give yourself the right to read it.") from error
    except Exception as error:  # zipfile, pickle and torch raise whatever an altered byte leads them to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(reason.rstrip(" .:")) from error
    if broken is not None:
        raise ValueError(f"checksum of {broken}")
    if not isinstance(content, dict):
        raise ValueError("it holds no checkpoint")
    return content


class Keeper:
    """Keeps the unfinished training of a round in a file: every ``minutes``, and when the process is told to stop.

    Args:
        path: Of the file.
        minutes: Between two checkpoints; 0: one after every step; None: only when told to stop.
        round: Of the run.
        labeled: What is trained on; a file of other labels is not this training's.
    """

    def __init__(self, path: Path, minutes: float | None, round: int, labeled: Tensor) -> None:
        self.path = path
        self.minutes = minutes
        self.about = {"round": round, "labeled": labeled.cpu()}
        self.saved = perf_counter()

    def load(self) -> dict[str, Any] | None:
        """What was saved of this training, None where nothing was or it cannot be read."""
        try:
            content = read(self.path, "the round begins anew")
        except UserError as error:
            log.warning("%s", error)
            return None
        if content is None or content["round"] != self.about["round"]:
            return None
        return content if torch.equal(content["labeled"], self.about["labeled"]) else None

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        late = self.minutes is not None and perf_counter() - self.saved >= 60 * self.minutes
        return late or interruption.received() is not None

    def save(self, content: dict[str, Any]) -> None:
        """Write ``content``; then stop, if the process was told to."""
        write(self.path, self.about | content)
        self.saved = perf_counter()
        interruption.check()

    @staticmethod
    def clear(path: Path) -> None:
        """Remove the file at ``path``, if there is one: the training is over and its outcome saved elsewhere."""
        files.remove(path, previous(path))
