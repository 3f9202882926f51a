"""Mistakes that a user can correct: one sentence with the setting or file, its value, and what to do instead.

Each is raised where it arises, as one of four kinds. Any other exception is a mistake in alrun: it keeps its traceback.
"""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Errors of the system for a folder that is full, protected or not a folder, which the user can correct.
UNUSABLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EFBIG),
    errno.ENAMETOOLONG,
}


REPORT = (
    "This is a mistake in alrun, not in your settings. Please report it in the issues of alrun's repository, with this "
    "traceback, the command line, and run.json and run.log of the run's folder."
)


class UserError(ValueError):
    """A mistake that the user can correct. The message is the sentence that the user reads."""


class SettingError(UserError):
    """A setting, or a word of a command line: its name, its value, or two that contradict one another."""


class DataError(UserError):
    """Data or tables whose content cannot be used."""


class StorageError(UserError):
    """A file or folder that cannot be written, read or locked, or is damaged."""


class StrategyError(UserError):
    """A strategy that failed while it chose. Its cause, where there is one, was raised by the user's own code."""


@contextmanager
def located(where: str) -> Iterator[None]:
    """Add to a user's mistake where in a run it was found."""
    try:
        yield
    except UserError as error:
        error.args = (f"{where}: {error}",)
        raise


def at_least(key: str, value: float, low: float) -> None:
    """Refuse a value of the setting ``key`` below ``low``: for code of users; alrun's own ranges are in signatures."""
    if value < low:
        raise SettingError(f"{key}={value} is too small: give {low} or more.")


@contextmanager
def writing(folder: Path | None = None) -> Iterator[None]:
    """Turn an error of the system about a folder into a StorageError, where files are written: in ``folder``."""
    try:
        yield
    except OSError as error:
        if (message := unusable(error, folder)) is not None:
            raise StorageError(message) from error
        raise


def unusable(error: OSError, folder: Path | None = None) -> str | None:
    """The sentence for a folder that is full, protected or not a folder; None for any other error."""
    if error.errno not in UNUSABLE and not is_refused_folder(error):
        return None
    return (
        f"{error.filename or folder or 'a file'} cannot be used ({error.strerror}): free space there, or name another "
        "folder with paths.outputs=... (results), paths.data=... (data), paths.features=... (features) or -o "
        "... (reports and tables)."
    )


def traceback_of_users_code(error: BaseException) -> str | None:
    """The traceback of an error in a user's own strategy; None if ``error`` is something else."""
    cause = error.__cause__ if isinstance(error, StrategyError) else None
    if cause is None or isinstance(cause, UserError):
        return None
    return "".join(traceback.format_exception(cause)).rstrip()


def ask_for_report(error: BaseException) -> None:
    """Note on an error of alrun where to report it and what to attach."""
    error.add_note(REPORT)


def is_refused_folder(error: OSError) -> bool:
    """Whether a folder could not be made although its parent exists, as in /proc."""
    frames = traceback.extract_tb(error.__traceback__)
    return error.errno == errno.ENOENT and bool(frames) and frames[-1].name in ("mkdir", "makedirs")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__
