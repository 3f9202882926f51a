"""The last request of a project: which examples people are asked for, what they are, and what the model thinks."""

from dataclasses import dataclass
from pathlib import Path

from alrun.data.manifest import read_manifest
from alrun.data.unlabeled_texts import texts_of
from alrun.runs.label_files import read_predictions, read_requested
from alrun.system.errors import DataError


@dataclass(frozen=True)
class Asked:
    """An example: its index in the pool, its path, and the strategy's score; what the model says, with what share.

    A text has no path; it is in ``text``.
    """

    index: int
    file: str
    score: float | None = None
    predicted: str | None = None
    confidence: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Request:
    """The examples of a round."""

    round: int
    sheet: Path  # ask_<round>.csv
    folder: Path  # of the pool; of texts, their file
    classes: list[str]
    asked: list[Asked]

    @property
    def is_text(self) -> bool:
        """Whether they are texts."""
        return self.asked[0].text is not None


def read_request(run_dir: Path, pool: Path, folder: Path, classes: list[str], is_text: bool = False) -> Request:
    """The last request in a run's folder, of images in ``folder``; the manifest ``pool`` knows where they are now.

    Of texts, it has them.

    Raises:
        UserError: There is none.
    """
    rounds = [int(path.stem.partition("_")[2]) for path in run_dir.glob("ask_*.csv")]
    if not rounds:
        raise DataError(f"{run_dir} has asked for no labels yet: type alrun ask with the project's folder.")
    round = max(rounds)
    predicted = read_predictions(run_dir, round)
    known = read_manifest(pool)
    places, texts = known.files, texts_of(known) if is_text else None
    asked = [
        Asked(
            index,
            "" if texts else str(folder / places[index]),
            score,
            *predicted.get(index, (None, None)),
            text=texts[index] if texts else None,
        )
        for index, _, score in read_requested(run_dir, round)
    ]
    return Request(round, run_dir / f"ask_{round}.csv", folder, classes, asked)
