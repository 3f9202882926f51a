"""The model of round 0, trained once for all strategies and repeats of a setting (the paper's ± 0.0)."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from alrun.errors import UserError
from alrun.state import RoundRecord, RunState, read_checkpoint, write_checkpoint

log = logging.getLogger(__name__)


def shared(path: Path, state: RunState, compute: Callable[[], None]) -> bool:
    """Fill round 0 of ``state`` from ``path``, or by ``compute()`` whose outcome is kept there; True if reused.

    While one process computes, the others wait for it. A damaged file is computed anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another run that is training the first model of this setting")
        lock.acquire()
    try:
        if path.exists():
            try:
                content = read_checkpoint(path, "it is computed anew")
                state.add_round(RoundRecord(**content["record"]), content["weights"])
                return True
            except UserError as error:
                log.warning("%s", error)
        compute()
        write_checkpoint(path, {"record": asdict(state.rounds[0]), "weights": state.weights})
        return False
    finally:
        lock.release()
