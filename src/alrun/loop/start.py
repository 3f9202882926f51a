"""Starts a run, or what is left of it, as the only process that computes it: with its folder's lock and a device."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from alrun.loop.run import Run
from alrun.runs.run_folder import check_name, display_path, is_done
from alrun.system import device, files, gpus
from alrun.system.errors import UserError, writing
from alrun.system.lock import Lock, TakenOver
from alrun.training.keeper import Keeper

log = logging.getLogger(__name__)


def run(cfg: DictConfig, run_dir: Path, choices: dict[str, str]) -> None:
    """Compute the rest of the run ``cfg`` in ``run_dir``; ``choices`` are the names of the chosen options.

    Raises:
        UserError: A setting or a file cannot be used; what was computed before is kept.
    """
    check_name(run_dir, cfg.seed)
    lock = Lock(run_dir / ".lock")
    with writing():
        run_dir.mkdir(parents=True, exist_ok=True)
        is_ours = lock.acquire(wait=False)
    if not is_ours:
        log.warning("%s is being computed by another process; left to it", display_path(run_dir))
        return
    try:
        if not is_done(run_dir):  # else another process has just completed it
            files.remove_leftovers(run_dir)
            with device.explaining_full_memory(), gpus.take_gpu(cfg.runtime.device, cfg.runtime.runs_per_gpu) as where:
                complete(Run(cfg, run_dir, choices, lock, where))
    except TakenOver as error:
        log.warning("%s", error)
        if is_done(run_dir):
            Keeper.clear(run_dir / "training.pt")  # which this process may have written after the other one ended
    finally:
        lock.release()


def complete(run: Run) -> None:
    """Compute the rest of ``run``."""
    try:
        run.complete()
    except TakenOver:
        raise
    except UserError:
        run.check()  # the error may come from another process that has taken the folder over
        if is_done(run.run_dir):
            raise TakenOver(f"{run.run_dir} was completed by another process, while this one slept.") from None
        raise
