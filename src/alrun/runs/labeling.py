"""Labels that people give: the requests of each round and the answers, in the run's folder."""

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import ImageData
from alrun.data.file_ends import Ends
from alrun.data.labels import NONE_OF_THESE, class_of, name_of_answer
from alrun.pool.pool import Pool
from alrun.runs.run_folder import display_path
from alrun.runs.state import RoundRecord
from alrun.system import files, spreadsheet
from alrun.system.errors import DataError
from alrun.system.words import closest

log = logging.getLogger(__name__)

LABELS_FILE = "labels.csv"
REQUEST_COLUMNS = ["index", "file", "score", "label"]


class Labeling:
    """The part of a run that people do: ``ask_<round>.csv`` says what to label, labels.csv holds their labels."""

    def __init__(self, run_dir: Path, data: ImageData) -> None:
        assert data.class_names is not None
        self.run_dir = run_dir
        self.classes = data.class_names
        self.names = data.files
        self.tested = np.bincount(data.test_labels, minlength=1)
        self.given = read_labels(run_dir, self.classes)

    def fill(self, pool: Pool) -> None:
        """Give ``pool`` the labels that people gave so far; the others stay -1."""
        pool.labels = pool.labels.clone()  # it may share its memory with the data set
        if self.given:
            index = torch.tensor(list(self.given), device=pool.device)
            pool.labels[index] = torch.tensor(list(self.given.values()), device=pool.device)
        pool.truth = pool.labels

    def ask(self, round: int, index: Tensor, scores: Tensor | None = None) -> None:
        """Write ``ask_<round>.csv``: a line for each example at ``index`` (k,), with an empty label.

        People fill it in where it is; a hidden copy of the request is kept beside it.
        """
        rows = [
            {"index": example, "file": self.names[example] if self.names else "", "score": "", "label": ""}
            for example in index.tolist()
        ]
        if scores is not None:
            for row, score in zip(rows, scores.tolist(), strict=True):
                row["score"] = score
        for path in (self.run_dir / f".ask_{round}.csv", request_path(self.run_dir, round)):
            files.write_csv(path, REQUEST_COLUMNS, rows)

    def warn_of_chance(self, record: RoundRecord, strategy: str) -> None:
        """Warn if the model of a round knows only which class is the most frequent.

        Its next query is then as good as random, but costs labels that people give.
        """
        measured = (
            ("training", record.train_accuracy, np.array(record.class_labeled)),
            ("test", record.test_accuracy, self.tested),
        )
        for name, accuracy, counts in measured:
            if accuracy <= chance_accuracy(counts):  # no test set: NaN
                log.warning(
                    "the model is at chance: its %s accuracy is %.0f %%, the most frequent class alone gives %.0f %%. "
                    "What %s chooses with it is as good as random: before people label it, train longer "
                    "(training.max_epochs, training.patience), or try another optimizer.lr or model",
                    name,
                    100 * accuracy,
                    100 * counts.max() / counts.sum(),
                    strategy,
                )
                return

    def is_waiting(self, round: int, index: Tensor) -> bool:
        """Whether labels of the examples at ``index`` (k,), queried before ``round``, are missing; if so, log it."""
        missing = [example for example in index.tolist() if example not in self.given]
        if not missing:
            return False
        path = request_path(self.run_dir, round)
        if not path.exists():
            self.ask(round, index)
        log.info(
            "%d of %d labels are missing: fill in the column label of %s with %s, or %s, and hand it to alrun tell",
            len(missing),
            len(index),
            display_path(path),
            ", ".join(self.classes),
            NONE_OF_THESE,
        )
        return True


def chance_accuracy(counts: np.ndarray) -> float:
    """The highest accuracy that the most frequent class alone might give: its share and two standard deviations.

    With few examples it is at most halfway between the share and 1; NaN without any.
    """
    total = counts.sum()
    if not total:
        return math.nan
    share = float(counts.max() / total)
    return share + min(2 * math.sqrt(share * (1 - share) / total), (1 - share) / 2)


def request_path(run_dir: Path, round: int) -> Path:
    """The file with the request for labels before ``round``."""
    return run_dir / f"ask_{round}.csv"


def read_labels(run_dir: Path, classes: Sequence[str]) -> dict[int, int]:
    """The labels that people gave so far: the number of the class by example.

    Raises:
        UserError: labels.csv is damaged.
    """
    path = run_dir / LABELS_FILE
    if not path.exists():
        return {}
    given: dict[int, int] = {}
    for line, index, label, _ in read_lines(path):
        example, number = parse_index(index), class_of(label, classes)
        if example is None or number is None:
            wrong = (
                f"index {index!r} is not a whole number." if example is None else unknown_class_sentence(label, classes)
            )
            raise DataError(f"{path}, line {line}: {wrong} Fix that line; the other labels are kept.")
        given[example] = number
    return given


def add_labels(run_dir: Path, classes: Sequence[str], asked_for: Sequence[int], path: Path) -> tuple[int, list[str]]:
    """Add the labels in the file at ``path`` to labels.csv; returns how many are new, and what is wrong in other lines.

    A line whose file belongs to another example than its index is refused: somebody may have sorted only one column.

    Raises:
        UserError: The file cannot be read at all.
    """
    given = read_labels(run_dir, classes)
    names = {index: file for sheet in run_dir.glob(".ask_*.csv") for _, index, _, file in read_lines(sheet)}
    answers, mistakes = read_answers(path, classes, set(asked_for), given, names)
    if answers:
        rows = [
            {"index": index, "label": name_of_answer(label, classes)}
            for index, label in sorted((given | answers).items())
        ]
        files.write_csv(run_dir / LABELS_FILE, ["index", "label"], rows)
    return len(answers), mistakes


def read_answers(
    path: Path, classes: Sequence[str], asked_for: set[int], labeled: dict[int, int], names: Mapping[str, str]
) -> tuple[dict[int, int], list[str]]:
    """New labels by example, and a sentence for each line that is refused, in the order of lines.

    ``labeled`` are the labels given before, ``names`` the files of examples that have one; a line without an index is
    found by its file.
    """
    found: dict[int, tuple[int, int]] = {}  # example: line and label
    mistakes: dict[int, str] = {}
    by_end = Ends(names)
    for line, index, label, file in read_lines(path):
        example, problem = by_end.example(index, file) if not index and file else (parse_index(index), None)
        problem = problem or problem_of_line(index, example, label, classes, asked_for)
        if not problem and example is not None and index and file and not by_end.fits(example, file):
            name = names[str(example)]
            problem = f"{example} is {name}, not {file}: index and file have come apart, as by sorting a column"
        number = class_of(label, classes)
        if problem or example is None or number is None:
            mistakes[line] = str(problem)
            continue
        if labeled.get(example, number) != number:
            mistakes[line] = (
                f"{example} was already labeled {name_of_answer(labeled[example], classes)}, and is {label} here; "
                f"if it is {label}, "
                f"fix {LABELS_FILE}"
            )
        elif example in found and found[example][1] != number:
            first, other = found[example]
            mistakes[first] = mistakes[line] = (
                f"{example} is {name_of_answer(other, classes)} in line {first}, {label} in line {line}"
            )
        else:
            found.setdefault(example, (line, number))
    answers = {
        example: label for example, (line, label) in found.items() if line not in mistakes and example not in labeled
    }
    return answers, [f"line {line}: {mistakes[line]}" for line in sorted(mistakes)]


def read_lines(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Line number, index, label and file of every line, as spreadsheets write them.

    Index and file are empty without such a column.

    Raises:
        UserError: The file cannot be read, or lacks columns.
    """
    read = spreadsheet.read_sheet(path, str(path))
    index, label, file = (read.column(name) for name in ("index", "label", "file"))
    if (index is None and file is None) or label is None:
        absent = "label" if label is None and (index or file) else "index"
        there = ", ".join(filter(None, read.header)) or "none"
        raise DataError(
            f"{path} has no column {absent}: its first line must name the columns index,label or file,label; "
            f"it names {there}."
        )
    for row in read.rows:
        yield row.line, row[index or ""], row[label], row[file or ""]


def parse_index(text: str) -> int | None:
    """The number of an example, also as spreadsheets write it: 35.0, 35,0, 0035, 1E+05; None if it is not a number."""
    if text.isdecimal():
        return int(text)
    if re.fullmatch(r"[0-9]+[.,]0{1,2}", text):  # with three zeros it may be thousands
        return int(re.split("[.,]", text)[0])
    if re.fullmatch(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,2}", text):
        number = float(text.replace(",", "."))
        return int(number) if number.is_integer() else None
    return None


def problem_of_line(
    index: str, example: int | None, label: str, classes: Sequence[str], asked_for: set[int]
) -> str | None:
    """Why a line is refused, None if it is not; ``example`` is the one that the line names, if any."""
    if example is None:
        return f"index {index!r} is not a whole number"
    if example not in asked_for:
        return f"{example} was not asked for"
    if not label:
        return f"{example} has no label"
    if class_of(label, classes) is None:
        return unknown_class_sentence(label, classes)
    return None


DATE = re.compile(
    r"[0-9]{1,2}[-./ ]+[^\W\d]{3,}\.?|[^\W\d]{3,}[-./ ]+[0-9]{1,4}|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*"
)


def unknown_class_sentence(label: str, classes: Sequence[str]) -> str:
    """The sentence for a label that is not a class."""
    made = " (a spreadsheet may have made a date of it: format the column as text)" if DATE.fullmatch(label) else ""
    return f"{label!r} is not a class{made}; {closest(label, list(classes))}"
