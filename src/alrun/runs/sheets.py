"""Sheets that people fill in: tables of index or file and label, as spreadsheets write them, line by line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from alrun.data.dataset import STRANGER
from alrun.data.file_ends import Ends
from alrun.data.labels import class_of, clean_name, name_of_answer
from alrun.runs import answers
from alrun.system import spreadsheet
from alrun.system.errors import DataError
from alrun.system.words import closest

LABELS_FILE = "labels.csv"
# Answers that are not classes: the example is neither trained on nor asked for again until it gets a label.
SKIPPED, UNSURE = -3, -4
WORDS = {"skip": SKIPPED, "unsure": UNSURE, "second opinion": UNSURE}
NO_OPINION = tuple(WORDS.values())
KIND_OF = {SKIPPED: answers.SKIP, UNSURE: answers.UNSURE, STRANGER: answers.NONE}
NO_LABEL = -1


class Line(NamedTuple):
    """A line of a sheet by its number; empty where the sheet has no such column."""

    number: int
    example: str  # its index, as written
    label: str
    file: str
    text: str


def read_answers(
    path: Path,
    classes: Sequence[str],
    asked_for: set[int],
    labeled: dict[int, int],
    names: Mapping[str, str],
    texts: Mapping[str, str] | None = None,
) -> tuple[dict[int, int], list[str]]:
    """New labels by example, and a sentence for each line that is refused, in the order of lines.

    ``labeled`` are the labels given before, ``names`` the files of examples that have one, ``texts`` what others are;
    a line without an index is found by its file.
    """
    found: dict[int, tuple[int, int]] = {}  # example: line and label
    mistakes: dict[int, str] = {}
    by_end = Ends(names)
    owners = {one_spaced(text): index for index, text in (texts or {}).items()}
    for line, index, label, file, text in read_lines(path):
        example, problem = by_end.example(index, file) if not index and file else (parse_index(index), None)
        problem = problem or problem_of_line(index, example, label, classes, asked_for)
        if not problem and example is not None and index and file and not by_end.fits(example, file):
            name = names[str(example)]
            problem = f"{example} is {name}, not {file}: index and file have come apart, as by sorting one column"
        owner = owners.get(one_spaced(text))  # nobody's if it was edited
        if not problem and owner is not None and one_spaced((texts or {}).get(str(example), "")) != one_spaced(text):
            problem = f"{example} has the text of {owner}: index and text have come apart, as by sorting some columns"
        number = answer_of(label, classes)
        if problem or example is None or number is None:
            mistakes[line] = str(problem)
            continue
        before = labeled.get(example, number)
        if before not in NO_OPINION and before != number:
            mistakes[line] = (
                f"{example} was already labeled {word_of(before, classes)}, and is {label} here; if it is {label}, "
                f"fix {LABELS_FILE}"
            )
        elif example in found and found[example][1] != number:
            first, other = found[example]
            mistakes[first] = mistakes[line] = (
                f"{example} is {word_of(other, classes)} in line {first}, {label} in line {line}"
            )
        else:
            found.setdefault(example, (line, number))
    new = {
        example: label
        for example, (line, label) in found.items()
        if line not in mistakes and labeled.get(example) != label
    }
    return new, [f"line {line}: {mistakes[line]}" for line in sorted(mistakes)]


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
    if answer_of(label, classes) is None:
        return unknown_class_sentence(label, classes)
    return None


def one_spaced(text: str) -> str:
    """A text with one blank between words, and none around them: spreadsheets change the others."""
    return " ".join(text.split())


def read_lines(path: Path) -> Iterator[Line]:
    """Every line, as spreadsheets write them.

    Raises:
        UserError: The file cannot be read, or lacks columns.
    """
    read = spreadsheet.read_sheet(path, str(path))
    index, label, file, text = (read.column(name) for name in ("index", "label", "file", "text"))
    if (index is None and file is None) or label is None:
        absent = "label" if label is None and (index or file) else "index"
        there = ", ".join(filter(None, read.header)) or "none"
        raise DataError(
            f"{path} has no column {absent}: its first line must name the columns index,label or file,label; "
            f"it names {there}."
        )
    for row in read.rows:
        yield Line(row.line, row[index or ""], row[label], row[file or ""], row[text or ""])


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


def answer_of(label: str, classes: Sequence[str]) -> int | None:
    """The number of the class that a label names, or of the word for an answer without one; None if it is neither."""
    number = class_of(label, classes)
    return WORDS.get(clean_name(label).casefold()) if number is None else number


def word_of(number: int, classes: Sequence[str]) -> str:
    """The word for what ``answer_of`` returns, empty for NO_LABEL."""
    if number == NO_LABEL:
        return ""
    return next((word for word, known in WORDS.items() if known == number), None) or name_of_answer(number, classes)


DATE = re.compile(
    r"[0-9]{1,2}[-./ ]+[^\W\d]{3,}\.?|[^\W\d]{3,}[-./ ]+[0-9]{1,4}|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*"
)


def unknown_class_sentence(label: str, classes: Sequence[str]) -> str:
    """The sentence for a label that is not a class."""
    made = " (a spreadsheet may have made a date of it: format the column as text)" if DATE.fullmatch(label) else ""
    return f"{label!r} is not a class{made}; {closest(label, list(classes))}"
