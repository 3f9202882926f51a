"""One process at a time, on one machine or on several that share a file system."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from filelock import FileLock, LeaseSettingsMismatch, SoftFileLease, Timeout

from alrun.system.errors import StorageError, UserError


class TakenOver(UserError):
    """This process has lost a run to another one: it writes nothing more into the run's folder."""


LEASE_SECONDS = 60.0  # without a sign of life from another machine, after which its process counts as dead
SIGN_EVERY = 15.0  # seconds
STILLBORN_SECONDS = 2.0  # a lease is written within milliseconds of its making


def lease(path: Path) -> SoftFileLease:
    """What stands beside the lock at ``path`` for other machines; nothing is taken yet."""
    beside = path.with_name(f"{path.name}.lease")
    return SoftFileLease(beside, lease_duration=LEASE_SECONDS, heartbeat_interval=SIGN_EVERY)


def lock_owner(path: Path) -> str | None:
    """Machine and process, ``name:number``, that have the lock at ``path``, None where nobody does."""
    found = lease(path).owner
    return None if found is None else f"{found.hostname}:{found.pid}"


def is_abandoned(path: Path) -> bool:
    """Whether a process of this machine that is gone has the lock at ``path``; its lease looks alive for a minute."""
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
    """Say in a sentence what the system or filelock says of the lock at ``path``."""
    try:
        yield
    except Timeout:  # an OSError, too
        raise
    except (OSError, LeaseSettingsMismatch) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"{path} cannot be locked ({reason}): take away what is there, or name a folder of another file system "
            "with paths.outputs=... (results) or paths.data=... (data)."
        ) from error


class Lock:
    """Two locks in one, since neither suffices alone.

    The system's own (flock) is free the moment its process dies, but some network file systems do not pass it on to
    other machines. A lease beside it, ``<path>.lease``, names machine and process and is renewed every 15 s; where
    its owner is on another machine and was silent for a minute, it is taken over, and an owner that only slept finds
    out in ``check``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = FileLock(path)
        self._lease = lease(path)

    def acquire(self, wait: bool) -> bool:
        """Whether it is ours; without ``wait``, False at once where a process of this machine has it.

        An owner on another machine is given a minute to show that it lives.

        Raises:
            UserError: The file system gives no locks, or something else is where they should be.
        """
        with explaining_locks(self.path):
            return self._acquire(wait)

    def _acquire(self, wait: bool) -> bool:
        try:
            self._local.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return False
        try:
            self._remove_stillborn()
            self._lease.acquire(timeout=-1 if wait else 1.5 * LEASE_SECONDS)
        except Timeout:
            self._local.release()
            return False
        except BaseException:
            self._local.release()
            raise
        return True

    def _remove_stillborn(self) -> None:
        """Remove an empty lease: its process died before it wrote it, and filelock would respect it for ever."""
        path = Path(self._lease.lock_file)
        for pause in (STILLBORN_SECONDS, 0):
            try:
                if path.stat().st_size:
                    return
            except FileNotFoundError:
                return
            sleep(pause)  # it may be about to be written, on another machine
        path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others have it."""
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
        """Make sure that it is still ours; who saves makes sure again (alrun.training.checkpoint.Generations).

        Raises:
            TakenOver: This process was silent for so long that another machine took over.
        """
        if self._lease.compromise is not None or self._is_anothers():
            raise TakenOver(
                f"{self.path.parent} is now computed by another machine, since this process gave no sign of life for "
                f"{LEASE_SECONDS:.0f} s; it leaves the run to that one."
            )

    def _is_anothers(self) -> bool:
        """Whether another process is in the lease; the heartbeat, which tells too, may have slept with us."""
        for pause in (0.1, 0):
            found = self._lease.owner
            if found is None or self._lease.token is None or found.token == self._lease.token:
                return False
            sleep(pause)  # one that looks whether we live exchanges the file for a moment
        return True
