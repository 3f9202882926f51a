"""The model of round 0, trained once for all strategies and repeats of a setting (the paper's ± 0.0), or given."""

import logging
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from alrun.models.classifier import Classifier
from alrun.runs.round_record import RoundRecord
from alrun.runs.state import RunState
from alrun.system import files
from alrun.system.errors import StorageError, writing
from alrun.system.lock import Lock
from alrun.training import checkpoint
from alrun.training.frozen import frozen_beside
from alrun.training.keeper import Keeper
from alrun.training.stop_rule import TrainResult

log = logging.getLogger(__name__)


def share_first_model(path: Path, state: RunState, compute: Callable[[Path], None]) -> bool:
    """Fill round 0 of ``state`` from ``path``, or by ``compute``, whose result is stored there; True if reused.

    ``compute`` receives a path for its checkpoints: if its process dies, the next one continues from there.

    While one process computes, the others wait for it. A damaged file is computed again.
    """
    lock = Lock(path.with_suffix(".lock"))
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not lock.acquire(wait=False):
            log.info("waiting for another run that is training the first model of this setting")
            lock.acquire(wait=True)
    unfinished = path.with_suffix(".training.pt")
    try:
        if reuse_first_model(path, state):
            return True
        compute(unfinished)
        content = {"record": asdict(state.rounds[0]), "weights": state.weights, "frozen": state.frozen}
        is_ours = files.create(path, checkpoint.serialize(content))
        if not is_ours:  # another process took over while this one slept; all runs start from one model
            state.rounds.clear()
            if not reuse_first_model(path, state):
                raise StorageError(f"{path} cannot be read though it was just written: check its disk.")
        Keeper.clear(unfinished)
        files.remove(frozen_beside(unfinished))
        return not is_ours
    finally:
        lock.release()


def reuse_first_model(path: Path, state: RunState) -> bool:
    """Fill round 0 of ``state`` from ``path``; False if there is no such file, or it is damaged."""
    if not path.exists():
        return False
    try:
        content = checkpoint.load_checkpoint(path)
    except ValueError as error:
        log.warning("%s is damaged (%s): it is computed again", path, error)
        files.rename(path, path.with_name(f"{path.name}.damaged"))
        return False
    state.add_round(RoundRecord(**content["record"]), content["weights"], content["frozen"])
    return True


def load_given_model(path: Path, model: Classifier) -> TrainResult:
    """Fill ``model`` from the file that ``first_model`` names; the result says that nothing was trained.

    The file comes from ``torch.save(model.state_dict(), path)``, or from ``cache/first_model`` of a run. Source:
    Appendix A.1 of the paper.

    Raises:
        UserError: It is not such a file, or its weights belong to another network.
    """
    if not path.is_file():
        raise StorageError(f"first_model={path} is not a file: name one in which torch.save has saved a state_dict.")
    try:
        content = checkpoint.load_checkpoint(path)
    except ValueError as error:
        raise StorageError(
            f"first_model={path} cannot be read ({error}): save a state_dict there by torch.save."
        ) from error
    weights = content.get("weights", content.get("state_dict", content))
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StorageError(
            f"first_model={path} belongs to another network than model ({reason}): set model to its own."
        ) from error
    if broken := [name for name, values in model.state_dict().items() if not values.isfinite().all()]:
        raise StorageError(f"first_model={path} has numbers that are not finite, in {broken[0]}: train it again.")
    log.info("round 0 has the model of %s", path)
    return TrainResult(math.nan, 0, 0, "given", 0.0)
