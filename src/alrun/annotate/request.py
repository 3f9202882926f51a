"""The last request of a project: which pictures people are asked for, where they are, and what the model thinks."""

from dataclasses import dataclass
from pathlib import Path

from alrun.data.manifest import read_manifest
from alrun.runs.labeling import read_predictions, read_requested
from alrun.system.errors import DataError


@dataclass(frozen=True)
class Asked:
    """A picture: its index in the pool, its path, and the strategy's score; what the model says, with what share."""

    index: int
    file: str
    score: float | None = None
    predicted: str | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Request:
    """The pictures of a round."""

    round: int
    sheet: Path  # ask_<round>.csv
    folder: Path  # of the pool
    classes: list[str]
    asked: list[Asked]


def read_request(run_dir: Path, pool: Path, folder: Path, classes: list[str]) -> Request:
    """The last request in a run's folder, of pictures in ``folder``; the manifest ``pool`` knows where they are now.

    Raises:
        UserError: There is none.
    """
    rounds = [int(path.stem.partition("_")[2]) for path in run_dir.glob("ask_*.csv")]
    if not rounds:
        raise DataError(f"{run_dir} has asked for no labels yet: type alrun ask with the project's folder.")
    round = max(rounds)
    predicted = read_predictions(run_dir, round)
    places = read_manifest(pool).files
    asked = [
        Asked(index, str(folder / places[index]), score, *predicted.get(index, (None, None)))
        for index, _, score in read_requested(run_dir, round)
    ]
    return Request(round, run_dir / f"ask_{round}.csv", folder, classes, asked)
