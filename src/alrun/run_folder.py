"""A run's folder as those see it who read results: whether it is finished or failed, and what of a damaged file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the content of ``path`` into a UserError."""
    try:
        yield
    except (ValueError, LookupError) as error:
        reason = first_line(error)
        raise UserError(f"{path} is damaged ({reason}): delete it, and the run's command writes it anew.") from error
