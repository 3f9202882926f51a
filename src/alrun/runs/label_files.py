"""The files in a run's folder about labels that people give: requests, predictions, answers, and the labels used."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from alrun.runs import answers
from alrun.runs.sheets import (
    KIND_OF,
    LABELS_FILE,
    NO_LABEL,
    answer_of,
    parse_index,
    read_answers,
    read_lines,
    unknown_class_sentence,
    word_of,
)
from alrun.system import files
from alrun.system.errors import DataError

USED_FILE = "labels_used.csv"  # the label of each example from the round on that was first trained with it


def request_path(run_dir: Path, round: int) -> Path:
    """The file with the request for labels before ``round``."""
    return run_dir / f"ask_{round}.csv"


def requested_path(run_dir: Path, round: int) -> Path:
    """The hidden copy of that file, which nobody edits."""
    return run_dir / f".ask_{round}.csv"


def read_labels(run_dir: Path, classes: Sequence[str]) -> dict[int, int]:
    """The answers that people gave so far: the number of the class by example, or SKIPPED or UNSURE.

    They are in labels.csv, or in the log of a labeling project.

    Raises:
        UserError: A file is damaged.
    """
    if (run_dir / answers.ANSWERS_FILE).exists():
        found = answers.resolved(answers.read_answers_log(run_dir))
        return {index: number_of_answer(answer, classes) for index, answer in found.items()}
    given: dict[int, int] = {}
    path = run_dir / LABELS_FILE
    for line, index, label, *_ in read_lines(path) if path.exists() else ():
        example, number = parse_index(index), answer_of(label, classes)
        if example is None or number is None:
            wrong = (
                f"index {index!r} is not a whole number." if example is None else unknown_class_sentence(label, classes)
            )
            raise DataError(f"{path}, line {line}: {wrong} Fix that line; the other labels are kept.")
        given[example] = number
    return given


def number_of_answer(answer: answers.Answer, classes: Sequence[str]) -> int:
    """The number of the class that an answer of the log names, or what it is instead.

    Raises:
        UserError: There is no such class.
    """
    if answer.kind == answers.LABEL:
        if answer.label not in classes:
            raise DataError(
                f"{answers.ANSWERS_FILE}: {answer.label!r} is not a class of this project: delete that line."
            )
        return list(classes).index(str(answer.label))
    return next(number for number, kind in KIND_OF.items() if kind == answer.kind)


def prediction_path(run_dir: Path, round: int) -> Path:
    """The file with what the model said of the examples that are asked for before ``round``."""
    return run_dir / f".predicted_{round}.csv"


def read_predictions(run_dir: Path, round: int) -> dict[int, tuple[str, float]]:
    """The class that the model predicted for each example asked for before ``round``, and its probability."""
    path = prediction_path(run_dir, round)
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {int(row["index"]): (row["label"], float(row["share"])) for row in csv.DictReader(file)}


def read_requested(run_dir: Path, round: int) -> list[tuple[int, str, float | None]]:
    """Index, file and score of the examples that were asked for before ``round``, in order."""
    with requested_path(run_dir, round).open(newline="", encoding="utf-8") as file:
        return [
            (int(row["index"]), row["file"], float(row["score"]) if row["score"] else None)
            for row in csv.DictReader(file)
        ]


def asked_examples(run_dir: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The file, and the text where it is one, of each example that was asked for, by its index as text."""
    lines = [line for sheet in sorted(run_dir.glob(".ask_*.csv")) for line in read_lines(sheet)]
    return {line.example: line.file for line in lines}, {line.example: line.text for line in lines if line.text}


def read_used(run_dir: Path, classes: Sequence[str]) -> dict[int, dict[int, int]]:
    """By round, the labels that were new or changed in it: the number of the class by example."""
    path = run_dir / USED_FILE
    found: dict[int, dict[int, int]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                number = answer_of(row["label"], classes) if row["label"] else NO_LABEL
                assert number is not None
                found.setdefault(int(row["round"]), {})[int(row["index"])] = number
    return found


def labels_of_round(used: Mapping[int, Mapping[int, int]], round: int) -> dict[int, int]:
    """The labels that ``round`` was trained with."""
    merged: dict[int, int] = {}
    for each in sorted(used):
        if each <= round:
            merged |= used[each]
    return {index: number for index, number in merged.items() if number != NO_LABEL}


def add_labels(run_dir: Path, classes: Sequence[str], asked_for: Sequence[int], path: Path) -> tuple[int, list[str]]:
    """Add the labels in the file at ``path`` to labels.csv; returns how many are new, and what is wrong in other lines.

    A line whose file or text is another example's than its index is refused: somebody may have sorted only one column.

    Raises:
        UserError: The file cannot be read at all.
    """
    given = read_labels(run_dir, classes)
    found, mistakes = read_answers(path, classes, set(asked_for), given, *asked_examples(run_dir))
    if found:
        rows = [
            {"index": index, "label": word_of(number, classes)} for index, number in sorted((given | found).items())
        ]
        files.write_csv(run_dir / LABELS_FILE, ["index", "label"], rows)
    return len(found), mistakes
