"""Which GPU of a machine a run takes if launchers start several runs that do not know of each other."""

import errno
import getpass
import itertools
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from alrun.system import device, interruption
from alrun.system.errors import StorageError

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two attempts to find a free seat


@contextmanager
def take_gpu(name: str, most: int | None) -> Iterator[torch.device]:
    """The device of ``runtime.device``, held until the context ends.

    ``auto`` is the GPU with the fewest runs of this user, the first of several, or the CPU if there is no GPU.
    ``most`` is the highest number of runs on a GPU: if all are full, the run waits. A launcher that assigns GPUs to
    its jobs (SLURM, Ray) shows each job only its own, so nothing is left to choose.

    Raises:
        UserError: The device does not exist here.
    """
    where = device.choose_device(name)
    if name != "auto" or where.type != "cuda":
        if where.index is not None:
            torch.cuda.set_device(where)  # torch's default from now on
        yield where
        return
    with take_seat(name_gpus(torch.cuda.device_count()), most, seats_folder()) as index:
        torch.cuda.set_device(index)
        yield torch.device("cuda", index)


def seats_folder() -> Path:
    """The folder in which this user's processes on this machine see each other's seats."""
    return make_private_folder(Path(tempfile.gettempdir()) / f"alrun-gpus-{user_name()}")


def user_name() -> str:
    """A name for this user: the number where there is one, since in a container a user may have no name."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def make_private_folder(path: Path) -> Path:
    """Make ``path`` a folder that only this user can look into: whoever can open a seat can hold it forever.

    Raises:
        UserError: Something else is there, such as a folder or a link of another user.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if hasattr(os, "getuid"):
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise OSError(errno.EPERM, "it belongs to another user, or is not a folder")
            if stat.S_IMODE(found.st_mode) & 0o077:
                path.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be used to share GPUs with your other runs ({error.strerror or error}): have it removed, "
            "set TMPDIR to a folder of your own, or name the GPU, runtime.device=cuda:0."
        ) from error
    return path


def name_gpus(count: int) -> list[str]:
    """A name for each of the ``count`` GPUs that torch sees, the same in every process of the machine."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return visible if len(visible) == count and all(visible) else list(map(str, range(count)))


@contextmanager
def take_seat(gpus: Sequence[str], most: int | None, where: Path) -> Iterator[int]:
    """Position of the GPU with the fewest runs, held until the context ends or the process dies.

    A GPU has seats: files in ``where``, which the system unlocks when their process dies. All first seats are taken
    before any second one.
    """
    is_announced = False
    while True:
        for seat in itertools.count() if most is None else range(most):
            for index, gpu in enumerate(gpus):
                lock = FileLock(where / f"{gpu.replace('/', '_')}-{seat}.lock")  # MIG-GPU-.../7/0 is one too
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                try:
                    yield index
                finally:
                    lock.release()
                return
        if not is_announced:
            log.info("waiting for a GPU: runtime.runs_per_gpu=%d, and all have as many", most)
            is_announced = True
        interruption.stop_if_signaled()
        time.sleep(PAUSE)
