"""A search for settings: on a validation split of the pool, whose labels count, never on the test set.

A sweeper that compares runs, such as Optuna's, receives the accuracy after the last round. With ``validation=100`` this
is the accuracy on 100 examples of the pool that are labeled first; the test split is dropped as soon as the data are
read. The 100 examples are part of ``budget.total`` and of the labels in every round.
"""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alrun.runs.run_folder import display_path, is_done, read_record, read_rows
from alrun.system.errors import SettingError
from alrun.system.lock import Lock

log = logging.getLogger(__name__)


def compares(hydra: Any) -> bool:
    """Whether the sweeper chooses the next runs by the results of earlier ones."""
    return not hydra.sweeper._target_.endswith(".BasicSweeper")


def check_search(cfg: DictConfig) -> None:
    """Refuse a search that would use the test set, or look for the worst settings.

    Raises:
        UserError: There is no validation split, or the direction is not to maximize.
    """
    if not compares(cfg.hydra):
        return
    sweeper = cfg.hydra.runtime.choices.get("hydra/sweeper")
    if OmegaConf.is_missing(cfg, "validation") or cfg.validation is None:
        raise SettingError(
            f"hydra/sweeper={sweeper} compares runs, which must not use the test set: add validation=..., the "
            "number of labels to hold out of the pool."
        )
    direction = cfg.hydra.sweeper.get("direction", "maximize")
    if getattr(direction, "name", direction) != "maximize":
        raise SettingError(
            f"hydra/sweeper={sweeper} would search for low accuracy: add hydra.sweeper.direction=maximize."
        )


def objective(run_dir: Path) -> float | None:
    """Validation accuracy after the last round, None if the run did not end; waits while another process has it."""
    with Lock(run_dir / ".lock"):
        if not is_done(run_dir):
            return None
    return float(read_rows(run_dir / "accuracy.csv")[-1]["test_accuracy"])


def report_labels(runs: Path, validation: int) -> str:
    """A sentence on the labels that all runs below ``runs`` with ``validation`` held-out examples used together."""
    from alrun.runs.query_table import read_queries  # and with it numpy

    trials, queried = 0, {}
    for path in runs.glob("*/*/run.json"):
        record = read_record(path.parent)
        with suppress(OSError, KeyError):
            if record["settings"].get("validation") == validation:
                trials += 1
                for query in read_queries(path.parent).values():
                    queried.setdefault(record["data"], set()).update(query.tolist())
    labels = sum(len(indices) + validation for indices in queried.values())
    return (
        f"The {trials} runs with validation={validation} in {display_path(runs)} used {labels} different labels, "
        f"{validation} of each pool for validation."
    )
