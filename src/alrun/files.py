"""Writing files that are either old or new, never half."""

import contextlib
import csv
import errno
import io
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alrun.errors import UserError

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part")
# What some network file systems answer to the fsync of a folder: they have renamed for good already.
NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def write(path: Path, content: bytes, keep: Path | None = None) -> None:
    """Replace ``path`` by ``content``, in one step that neither a crash nor a power cut can split.

    What was at ``path`` is then at ``keep``, where one is given; between the two steps nothing is at ``path``.

    Raises:
        UserError: The disk is full or the folder cannot be written to; what was at ``path`` is there or at ``keep``.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if keep is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, keep)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): free space there, or name another folder with "
            "paths.outputs=...; what was computed before is kept."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``."""
    write(path, text.encode())


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Replace ``path`` by a CSV of ``columns``; floats in full precision."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def remove(*paths: Path) -> None:
    """Remove files that may be there.

    Raises:
        UserError: The folder cannot be written to.
    """
    for path in paths:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError as error:
            raise UserError(
                f"{path} cannot be removed ({error.strerror or error}): make its folder writable."
            ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that died while they wrote have left in ``folder``; the caller has it locked."""
    remove(*(path for path in folder.iterdir() if TEMPORARY.fullmatch(path.name)))


def _sync_folder(folder: Path) -> None:
    """Let a renaming in ``folder`` last through a power cut."""
    if os.name == "nt":  # has no descriptors of folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
