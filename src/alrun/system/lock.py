"""Locks: one process at a time, on one machine or on several that share a file system."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from filelock import FileLock, LeaseSettingsMismatch, SoftFileLease, Timeout

from alrun.system.errors import StorageError, UserError


class TakenOver(UserError):
    """This process has lost a run to another one: it must write nothing more into the run's folder."""


LEASE_SECONDS = 60.0  # without a sign of life from another machine, after which its process counts as dead
SIGN_EVERY = 15.0  # seconds
EMPTY_SECONDS = 2.0  # a lease is written within milliseconds of its making


def lease(path: Path) -> SoftFileLease:
    """The lease beside the lock at ``path``, for other machines; it is not acquired yet."""
    beside = path.with_name(f"{path.name}.lease")
    return SoftFileLease(beside, lease_duration=LEASE_SECONDS, heartbeat_interval=SIGN_EVERY)


def lock_owner(path: Path) -> str | None:
    """Machine and process that hold the lock at ``path``, as ``name:number``; None if nobody does."""
    found = lease(path).owner
    return None if found is None else f"{found.hostname}:{found.pid}"


def is_abandoned(path: Path) -> bool:
    """Whether a dead process of this machine holds the lock at ``path``; its lease looks alive for a minute."""
    found = lease(path).owner
    if found is None or found.hostname != os.uname().nodename:
        return False
    try:
        os.kill(found.pid, 0)
    except OSError as error:  # of another user's process it is PermissionError
        return isinstance(error, ProcessLookupError)
    return False


@contextmanager
def explaining_locks(path: Path) -> Iterator[None]:
    """Turn errors of the system or of filelock about the lock at ``path`` into a sentence."""
    try:
        yield
    except Timeout:  # an OSError, too
        raise
    except (OSError, LeaseSettingsMismatch) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"{path} cannot be locked ({reason}): remove what is there, or name a folder of another file system "
            "with paths.outputs=... (results), paths.data=... (data) or paths.features=... (features)."
        ) from error


class Lock:
    """Two locks in one, since neither suffices alone.

    The system's own lock (flock) is free the moment its process dies, but some network file systems do not pass it on
    to other machines. A lease beside it, ``<path>.lease``, names machine and process and is renewed every 15 s. If its
    owner is on another machine and was silent for a minute, it is taken over; an owner that only slept finds out in
    ``check``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = FileLock(path)
        self._lease = lease(path)

    def acquire(self, wait: bool) -> bool:
        """Acquire the lock; without ``wait``, return False at once if a process of this machine holds it.

        An owner on another machine has a minute to show that it is alive.

        Raises:
            UserError: The file system has no locks, or something else is in their place.
        """
        with explaining_locks(self.path):
            return self._acquire(wait)

    def _acquire(self, wait: bool) -> bool:
        try:
            self._local.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return False
        try:
            self._remove_empty_lease()
            self._lease.acquire(timeout=-1 if wait else 1.5 * LEASE_SECONDS)
        except Timeout:
            self._local.release()
            return False
        except BaseException:
            self._local.release()
            raise
        return True

    def _remove_empty_lease(self) -> None:
        """Remove an empty lease: its process died before it wrote it, and filelock would respect it forever."""
        path = Path(self._lease.lock_file)
        for pause in (EMPTY_SECONDS, 0):
            try:
                if path.stat().st_size:
                    return
            except FileNotFoundError:
                return
            sleep(pause)  # it may be about to be written, on another machine
        path.unlink(missing_ok=True)

    def release(self) -> None:
        """Release the lock for others."""
        try:
            self._lease.release()
        finally:
            self._local.release()

    def __enter__(self) -> "Lock":
        self.acquire(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def check(self) -> None:
        """Make sure that the lock is still ours; saving checks it again (alrun.runs.generations.Generations).

        Raises:
            TakenOver: This process was silent for so long that another machine took over.
        """
        if self._lease.compromise is not None or self._is_anothers():
            raise TakenOver(
                f"{self.path.parent} is now computed by another machine, since this process gave no sign of life for "
                f"{LEASE_SECONDS:.0f} s; it leaves the run to that one."
            )

    def _is_anothers(self) -> bool:
        """Whether the lease names another process; the heartbeat would notice too, but may have slept with us."""
        for pause in (0.1, 0):
            found = self._lease.owner
            if found is None or self._lease.token is None or found.token == self._lease.token:
                return False
            sleep(pause)  # a process that checks whether we are alive replaces the file for a moment
        return True
