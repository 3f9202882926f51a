"""One process at a time, on one machine or on several that share a file system."""

import os
from pathlib import Path
from time import sleep

from filelock import FileLock, SoftFileLease, Timeout

from alrun.errors import UserError

LEASE_SECONDS = 60.0  # without a sign of life from another machine, after which its process counts as dead
SIGN_EVERY = 15.0  # seconds
STILLBORN_SECONDS = 2.0  # a lease is written within milliseconds of its making


def lease(path: Path) -> SoftFileLease:
    """What stands beside the lock at ``path`` for other machines; nothing is taken yet."""
    beside = path.with_name(f"{path.name}.lease")
    return SoftFileLease(beside, lease_duration=LEASE_SECONDS, heartbeat_interval=SIGN_EVERY)


def owner(path: Path) -> str | None:
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
        """
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
        """Make sure that it is still ours.

        Raises:
            UserError: This process was silent for so long that another machine took over.
        """
        if self._lease.compromise is not None:
            raise UserError(
                f"{self.path.parent} is now computed by another machine, since this process gave no sign of life for "
                f"{LEASE_SECONDS:.0f} s; it leaves the run to that one."
            )
