"""Writing files that are either old or new, never half."""

import contextlib
import csv
import errno
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from alrun.system.errors import StorageError

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part")
Row = dict[str, Any] | tuple[Any, ...]  # of a CSV
# Errors of some network file systems for the fsync of a folder: they have renamed it durably already.
NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}
# Errors of file systems without hard links (exFAT, cloud drives).
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK}
NAME = 200  # characters of a name that its temporary file repeats; a name has at most 255 bytes


def write(path: Path, content: bytes, keep: Path | None = None, lasts: bool = True) -> None:
    """Replace ``path`` by ``content``, in one step that neither a crash nor a power cut can split.

    If ``keep`` is given, the old file is moved there first; between the two steps nothing is at ``path``. Without
    ``lasts`` the content may not survive a power cut until ``sync``: for files that can be written again.

    Raises:
        UserError: The disk is full or the folder cannot be written to; the old file is at ``path`` or ``keep``.
    """
    with _beside(path, content, lasts) as temporary:
        if keep is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, keep)
        os.replace(temporary, path)
        if lasts:
            sync_folder(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Make ``path`` with ``content``, as safely; False if there is one already, which stays as it is.

    Of several processes that try, on any machines that share the folder, exactly one succeeds.

    Raises:
        UserError: The disk is full or the folder cannot be written to; there is nothing at ``path``.
    """
    with _beside(path, content) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            # A network file system repeats a request whose answer was lost; then this very file is there.
            if not os.path.samefile(temporary, path):
                return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return _create_in_place(path, content)
        try:
            sync_folder(path.parent)
        except OSError:
            os.unlink(path)
            raise
        return True


def _create_in_place(path: Path, content: bytes) -> bool:
    """``create`` on a file system without hard links: a process that dies meanwhile leaves half a file at ``path``."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        _write_all(descriptor, content, lasts=True)
        # While this process slept, another one may have moved its half file aside.
        return path.exists() and os.path.samestat(os.fstat(descriptor), os.stat(path))
    finally:
        os.close(descriptor)
        sync_folder(path.parent)


@contextlib.contextmanager
def _beside(path: Path, content: bytes, lasts: bool = True) -> Iterator[Path]:
    """A temporary file with ``content`` beside ``path`` that survives a power cut; it is removed at the end.

    Raises:
        UserError: The disk is full or the folder cannot be written to, here or within.
    """
    temporary = path.with_name(f".{path.name[:NAME]}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            _write_all(descriptor, content, lasts)
        finally:
            os.close(descriptor)
        yield temporary
    except OSError as error:
        fix = "remove the folder that has its name" if os.path.isdir(path) else "free space there"
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}): {fix}, or name another folder with "
            "paths.outputs=...; what was computed before is kept."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _write_all(descriptor: int, content: bytes, lasts: bool) -> None:
    """Write ``content``; with ``lasts`` it survives a power cut."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    if lasts:
        os.fsync(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``."""
    write(path, text.encode())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row], lasts: bool = True) -> None:
    """Replace ``path`` by a CSV of ``columns``; floats in full precision. A tuple is a row in the order of columns."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(row if isinstance(row, tuple) else [row.get(column, "") for column in columns] for row in rows)
    write(path, text.getvalue().encode(), lasts=lasts)


def sync(*paths: Path) -> None:
    """Let files of one folder, and their names, survive a power cut; missing files are skipped.

    Raises:
        UserError: The disk is full.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise StorageError(f"{path} cannot be written ({error.strerror or error}): free space there.") from error
        finally:
            os.close(descriptor)
    for folder in {path.parent for path in paths}:
        try:
            sync_folder(folder)
        except OSError as error:
            raise StorageError(f"{folder} cannot be written ({error.strerror or error}): free space there.") from error


def remove(*paths: Path) -> None:
    """Remove files, if they are there.

    Raises:
        UserError: The folder cannot be written to.
    """
    for path in paths:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError as error:
            fix = "remove the folder that has its name" if path.is_dir() else "make its folder writable"
            raise StorageError(f"{path} cannot be removed ({error.strerror or error}): {fix}.") from error


def rename(path: Path, target: Path) -> None:
    """Rename the file at ``path`` to ``target``, replacing what is there.

    Raises:
        UserError: The folder cannot be written to.
    """
    try:
        os.replace(path, target)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be renamed ({error.strerror or error}): make its folder writable."
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in ``folder`` of processes that died while writing; the caller holds its lock."""
    remove(*(path for path in folder.iterdir() if TEMPORARY.fullmatch(path.name)))


def sync_folder(folder: Path) -> None:
    """Let a renaming in ``folder`` survive a power cut."""
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


def sha256(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece: hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
