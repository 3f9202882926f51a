"""Labels that people give: what they are asked for in each round, and what they told, in the run's folder."""

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from alrun import files
from alrun.data.dataset import ImageData
from alrun.errors import UserError, closest
from alrun.pool import Pool
from alrun.run_folder import shown

log = logging.getLogger(__name__)

TOLD = "labels.csv"
ASKED = ["index", "file", "score", "label"]


class Labelling:
    """The part of a run that people do: ``ask_<round>.csv`` tells them what to label, labels.csv holds their labels."""

    def __init__(self, run_dir: Path, data: ImageData) -> None:
        assert data.class_names is not None
        self.run_dir = run_dir
        self.classes = data.class_names
        self.names = data.files
        self.told = read_told(run_dir, self.classes)

    def fill(self, pool: Pool) -> None:
        """Give ``pool`` the labels that were told; the others stay -1."""
        pool.labels = pool.labels.clone()  # it may share its memory with the data set
        if self.told:
            index = torch.tensor(list(self.told), device=pool.device)
            pool.labels[index] = torch.tensor(list(self.told.values()), device=pool.device)

    def ask(self, round: int, index: Tensor, scores: Tensor | None = None) -> None:
        """Write ``ask_<round>.csv``: a line for each example at ``index``, with an empty label.

        People fill it in where it lies; what was asked is kept beside it, out of sight.
        """
        rows = [
            {"index": example, "file": self.names[example] if self.names else "", "score": "", "label": ""}
            for example in index.tolist()
        ]
        if scores is not None:
            for row, score in zip(rows, scores.tolist(), strict=True):
                row["score"] = score
        for path in (self.run_dir / f".ask_{round}.csv", asked(self.run_dir, round)):
            files.write_csv(path, ASKED, rows)

    def is_waiting(self, round: int, index: Tensor) -> bool:
        """Whether labels of the examples at ``index``, bought before ``round``, are still missing; then say so."""
        missing = [example for example in index.tolist() if example not in self.told]
        if not missing:
            return False
        path = asked(self.run_dir, round)
        if not path.exists():
            self.ask(round, index)
        log.info(
            "%d of %d labels are missing: fill in the column label of %s with %s, and hand it to python -m alrun.tell",
            len(missing),
            len(index),
            shown(path),
            ", ".join(self.classes),
        )
        return True


def asked(run_dir: Path, round: int) -> Path:
    """Where it is written what people are asked for before ``round``."""
    return run_dir / f"ask_{round}.csv"


def read_told(run_dir: Path, classes: Sequence[str]) -> dict[int, int]:
    """The classes of examples that were told so far.

    Raises:
        UserError: labels.csv is damaged.
    """
    path = run_dir / TOLD
    if not path.exists():
        return {}
    told: dict[int, int] = {}
    for line, index, label, _ in lines(path):
        if not index.isdecimal() or label not in classes:
            wrong = f"index {index!r} is no whole number." if not index.isdecimal() else no_class(label, classes)
            raise UserError(f"{path}, line {line}: {wrong} Mend that line; the other labels are kept.")
        told[int(index)] = list(classes).index(label)
    return told


def take(run_dir: Path, classes: Sequence[str], asked_for: Sequence[int], path: Path) -> tuple[int, list[str]]:
    """Add the labels in the file at ``path`` to labels.csv; how many are new, and what is wrong with other lines.

    A line that names the file of another example than its index is refused: somebody may have sorted one column alone.

    Raises:
        UserError: The file cannot be read at all.
    """
    told = read_told(run_dir, classes)
    names = {index: file for sheet in run_dir.glob(".ask_*.csv") for _, index, _, file in lines(sheet)}
    answers, mistakes = read_answers(path, classes, set(asked_for), told, names)
    if answers:
        rows = [{"index": index, "label": classes[label]} for index, label in sorted((told | answers).items())]
        files.write_csv(run_dir / TOLD, ["index", "label"], rows)
    return len(answers), mistakes


def read_answers(
    path: Path, classes: Sequence[str], asked_for: set[int], told: dict[int, int], names: Mapping[str, str]
) -> tuple[dict[int, int], list[str]]:
    """New labels by example, and a sentence for each line that is refused, in the order of lines.

    ``names`` are the files of examples, as far as they have one.
    """
    found: dict[int, tuple[int, int]] = {}  # example: line and label
    mistakes: dict[int, str] = {}
    for line, index, label, file in lines(path):
        problem = problem_of(index, label, classes, asked_for)
        if not problem and file and file != names.get(index, file):
            problem = f"{index} is {names[index]}, not {file}: index and file have come apart, as by sorting a column"
        if problem:
            mistakes[line] = problem
            continue
        example, number = int(index), list(classes).index(label)
        if told.get(example, number) != number:
            mistakes[line] = (
                f"{example} was told before as {classes[told[example]]}, now as {label}; mend {TOLD} itself"
            )
        elif example in found and found[example][1] != number:
            first, other = found[example]
            mistakes[first] = mistakes[line] = f"{example} is {classes[other]} in line {first}, {label} in line {line}"
        else:
            found.setdefault(example, (line, number))
    answers = {
        example: label for example, (line, label) in found.items() if line not in mistakes and example not in told
    }
    return answers, [f"line {line}: {mistakes[line]}" for line in sorted(mistakes)]


def lines(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Line number, index, label and file of every line; as spreadsheets write them, with commas or semicolons.

    The file is empty where there is no such column.

    Raises:
        UserError: The file cannot be read, or has no such columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            header = text.readline()
            text.seek(0)
            reader = csv.DictReader(text, delimiter=";" if header.count(";") > header.count(",") else ",")
            if absent := [name for name in ("index", "label") if name not in (reader.fieldnames or [])]:
                raise UserError(f"{path} has no column {absent[0]}: its first line must name the columns index,label.")
            for row in reader:
                index, label, file = ((row.get(name) or "").strip() for name in ("index", "label", "file"))
                yield reader.line_num, index, label, file
    except (OSError, UnicodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path} cannot be read as CSV ({reason}): save it as CSV, encoded as UTF-8.") from error


def problem_of(index: str, label: str, classes: Sequence[str], asked_for: set[int]) -> str | None:
    """Why a line is refused, None if it is not."""
    if not index.isdecimal():
        return f"index {index!r} is no whole number"
    if int(index) not in asked_for:
        return f"{index} was not asked for"
    if not label:
        return f"{index} has no label"
    if label not in classes:
        return no_class(label, classes)
    return None


def no_class(label: str, classes: Sequence[str]) -> str:
    """What is said of a label that is none."""
    return f"{label!r} is no class; {closest(label, list(classes))}"
