"""The model of round 0, trained once for all strategies and repeats of a setting (the paper's ± 0.0)."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from alrun import checkpoint, files
from alrun.errors import UserError, writing
from alrun.lock import Lock
from alrun.state import RoundRecord, RunState

log = logging.getLogger(__name__)


def shared(path: Path, state: RunState, compute: Callable[[Path], None]) -> bool:
    """Fill round 0 of ``state`` from ``path``, or by ``compute`` whose outcome is kept there; True if reused.

    ``compute`` is given a place for its checkpoints: if its process dies, the next one goes on from there.

    While one process computes, the others wait for it. A damaged file is computed anew.
    """
    lock = Lock(path.with_suffix(".lock"))
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not lock.acquire(wait=False):
            log.info("waiting for another run that is training the first model of this setting")
            lock.acquire(wait=True)
    unfinished = path.with_suffix(".training.pt")
    try:
        if reuse(path, state):
            return True
        compute(unfinished)
        content = {"record": asdict(state.rounds[0]), "weights": state.weights, "frozen": state.frozen}
        is_ours = files.create(path, checkpoint.dumped(content))
        if not is_ours:  # one that took over while this process slept was faster: all runs begin with one model
            state.rounds.clear()
            if not reuse(path, state):
                raise UserError(f"{path} cannot be read though it was just written: check the disk that has it.")
        checkpoint.Keeper.clear(unfinished)
        files.remove(checkpoint.frozen_beside(unfinished))
        return not is_ours
    finally:
        lock.release()


def reuse(path: Path, state: RunState) -> bool:
    """Fill round 0 of ``state`` from ``path``; False where there is no such file, or it is damaged."""
    if not path.exists():
        return False
    try:
        content = checkpoint.load(path)
    except ValueError as error:
        log.warning("%s is damaged (%s): it is computed anew", path, error)
        files.rename(path, path.with_name(f"{path.name}.damaged"))
        return False
    state.add_round(RoundRecord(**content["record"]), content["weights"], content["frozen"])
    return True
