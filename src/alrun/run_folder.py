"""A run's folder as those see it who read results: whether it is finished or failed, and what of a damaged file."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from alrun.errors import UserError, first_line

RESULTS = ("accuracy.csv", "timing.csv", "per_class.csv", "queries.csv", "run.json")


def is_done(run_dir: Path) -> bool:
    """Whether all rounds are computed and all results are there; a result that was deleted is written anew."""
    return all((run_dir / name).exists() for name in ("done", *RESULTS))


def failure(run_dir: Path) -> str | None:
    """Why the last attempt at a run failed, in one sentence, None if it did not: failed.txt, which the next removes."""
    try:
        return (run_dir / "failed.txt").read_text().strip()
    except FileNotFoundError:
        return None


State = Literal["done", "running", "failed", "begun", "missing"]
SILENCE = 60  # seconds without a sign of life after which a run is no longer running: alrun.lock gives one every 15 s


def state(run_dir: Path) -> State:
    """How far a run is, as its folder alone tells, from any machine that sees it."""
    if is_done(run_dir):
        return "done"
    with suppress(FileNotFoundError):
        if time.time() - (run_dir / ".lock.lease").stat().st_mtime < SILENCE:
            return "running"
    if (run_dir / "failed.txt").exists():
        return "failed"
    return "begun" if (run_dir / "state.pt").exists() else "missing"


def shown(path: Path) -> str:
    """``path`` as a user would type it here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the content of ``path`` into a UserError."""
    try:
        yield
    except (ValueError, LookupError) as error:
        reason = first_line(error)
        raise UserError(f"{path} is damaged ({reason}): delete it, and the run's command writes it anew.") from error
