"""Checkpoint files: two generations with checksums, read without executing their content."""

import io
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import torch

from alrun.system import files
from alrun.system.errors import StorageError

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
