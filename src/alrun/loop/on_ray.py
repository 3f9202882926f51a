"""Work on a Ray cluster: parts of a selection as tasks, batches of an embedding through Ray Data.

A cluster that ``RAY_ADDRESS`` names, or that runs on this machine, is used; otherwise Ray starts one here, for this
process. Nodes need alrun, and folders that all of them see. What a task computes is on the disk when it ends, and a
task is tried again where its process or node dies, so that nothing finished is computed twice.
"""

import atexit
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch

from alrun.system import interruption
from alrun.system.errors import SettingError, StorageError, UserError
from alrun.system.program import start_in

ATTEMPTS = 20  # at a task whose process dies each time, before the run gives up
LOOK = 0.5  # seconds between two checks for a signal


def compute(parts: Sequence[int], work: Callable[[int], object], processors: int, gpus: float) -> None:
    """Call ``work`` with each of ``parts``, on any node; returns when all are done.

    Args:
        parts: Numbers.
        work: Leaves its result on the disk; it must be a function of a module, or a partial one.
        processors: Of a task.
        gpus: Of a task; below 1 tasks share one.

    Raises:
        UserError: A part met a mistake of the user, or its process died too often; parts that are done stay.
    """
    ray = connected()

    def part(number: int, folder: str) -> None:
        start_in(folder)
        work(number)

    task = ray.remote(num_cpus=processors, num_gpus=gpus, max_retries=ATTEMPTS)(part)
    left = [task.remote(number, os.getcwd()) for number in parts]
    try:
        while left:
            interruption.stop_if_signaled()
            done, left = ray.wait(left, timeout=LOOK)
            ray.get(done)
    except Exception as error:
        raise users_mistake(error) or given_up(error, ray) or error from None
    finally:
        for each in left:
            ray.cancel(each, force=True)


class Encoding:
    """An encoder and the examples it encodes, made once in each process of Ray Data."""

    def __init__(self, make: Callable[[], Callable[[slice], np.ndarray]], folder: str) -> None:
        start_in(folder)
        self.encode = make()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The vectors of the examples of one batch, as rows."""
        (start,), (stop,) = batch["start"].tolist(), batch["stop"].tolist()
        return {"vectors": self.encode(slice(start, stop))}


def encoded(
    batches: Sequence[slice], make: Callable[[], Callable[[slice], np.ndarray]], gpus: float
) -> Iterator[np.ndarray]:
    """Vectors of the examples of all ``batches``, in order, some rows (b, d) at a time.

    Batches go to as many processes as there are processors or, with ``gpus``, GPUs. They wait while what they made
    before has not been taken, so that memory holds some batches at most.

    Args:
        batches: Of examples, by their positions.
        make: Makes, in another process, what encodes a batch; a function of a module, or a partial one.
        gpus: Of a process; 0: it takes a processor.

    Raises:
        UserError: The encoder met a mistake of the user.
    """
    if not batches:
        return
    ray = connected()
    data = ray.data
    data.DataContext.get_current().execution_options.preserve_order = True
    data.DataContext.get_current().enable_progress_bars = False
    size = int(ray.cluster_resources().get("GPU", 0) / gpus if gpus else ray.cluster_resources().get("CPU", 1))
    ranges = [{"start": batch.start, "stop": batch.stop} for batch in batches]
    vectors = data.from_items(ranges, override_num_blocks=len(ranges)).map_batches(
        Encoding,
        fn_constructor_args=(make, os.getcwd()),
        batch_size=1,
        num_gpus=gpus,
        num_cpus=0 if gpus else 1,
        concurrency=(1, max(1, min(size, len(ranges)))),
    )
    try:
        for block in vectors.iter_batches(batch_size=None, prefetch_batches=1):
            interruption.stop_if_signaled()
            yield block["vectors"]
    except Exception as error:
        raise users_mistake(error) or given_up(error, ray) or error from None


def gpu_share(where: torch.device, runs_per_gpu: int | None) -> float:
    """GPUs of a task that computes on ``where``: several tasks share one if runs may; 0 on a CPU."""
    return 1 / (runs_per_gpu or 1) if where.type == "cuda" else 0


def connected() -> Any:
    """The module ``ray``, connected to a cluster until this process ends.

    Raises:
        UserError: It is not installed, or its cluster does not answer.
    """
    ray = installed()
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(logging_level="ERROR", configure_logging=False, include_dashboard=None)
        except (ConnectionError, RuntimeError) as error:
            address = os.environ.get("RAY_ADDRESS", "of this machine")
            raise SettingError(
                f"runtime.engine=ray: the cluster {address} does not answer: start it, or correct RAY_ADDRESS."
            ) from error
        atexit.register(ray.shutdown)
        interruption.install_handlers()  # Ray's own would end the process without a checkpoint
    return ray


def installed() -> ModuleType:
    """The module ``ray``.

    Raises:
        UserError: It is not there.
    """
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError as error:
        raise SettingError(
            "runtime.engine=ray: ray[data] is not installed: pip install 'alrun[scale]' in an environment apart from "
            "hydra-ray-launcher, or use runtime.engine=local."
        ) from error


def users_mistake(error: BaseException | None) -> UserError | None:
    """The mistake of the user that another process raised, if there is one behind ``error``."""
    while error is not None:
        inner = getattr(error, "cause", None)  # Ray's error is an instance of its class too, with a traceback as text
        if isinstance(inner, UserError):
            return inner
        error = inner or error.__cause__
    return None


def given_up(error: Exception, ray: Any) -> UserError | None:
    """The sentence for a process or node that died too often; None for any other error."""
    if not isinstance(error, ray.exceptions.WorkerCrashedError | ray.exceptions.NodeDiedError):
        return None
    return StorageError(
        f"runtime.engine=ray: a process of Ray died {ATTEMPTS + 1} times, perhaps for lack of memory: a higher "
        "runtime.parts makes each part smaller. What is done is kept: the same command continues."
    )
