"""Answers of people in a labeling project: a log that only grows, and the rule that turns it into labels.

``answers.jsonl`` lies in the run's folder. A line is an answer of one person for one example: a class, "none of these",
a skip (somebody else, or later), unsure, or an undo of that person's answer before; or it says that this person wants
a second opinion beside that answer, or, said again, no longer wants one.

The rule: the latest answer of each person counts. The label is the one that most people gave; of those that tie, the
one that was given last. Skips and doubts are not votes: they count only if nobody gave a label.
"""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alrun.system.errors import DataError, StorageError

ANSWERS_FILE = "answers.jsonl"
LABEL, NONE, SKIP, UNSURE, UNDO, SECOND = "label", "none", "skip", "unsure", "undo", "second"
KINDS = (LABEL, NONE, SKIP, UNSURE, UNDO, SECOND)
_writing = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """One answer: of example ``index``, by the person ``by`` (may be empty), at a time in seconds since 1970."""

    index: int
    kind: str
    label: str | None = None  # the class
    by: str = ""
    at: float = 0.0

    @property
    def is_vote(self) -> bool:
        """Whether it says what the example is."""
        return self.kind in (LABEL, NONE)

    @property
    def value(self) -> tuple[str, str | None]:
        """The answer alone, without who gave it and when."""
        return self.kind, self.label


def append_answers(run_dir: Path, answers: Sequence[Answer]) -> None:
    """Add ``answers`` to the log of a run, in one durable write; an incomplete line of a killed process is ended first.

    Raises:
        UserError: The file cannot be written.
    """
    path = run_dir / ANSWERS_FILE
    now = time.time()
    lines = [json.dumps({**asdict(each), "at": each.at or now}, ensure_ascii=False) + "\n" for each in answers]
    try:
        with _writing, open(path, "ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines.insert(0, "\n")
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror or error}): free space there.") from error


def read_answers_log(run_dir: Path) -> list[Answer]:
    """All answers in the order in which they were given; a line that a killed process left incomplete is skipped.

    Raises:
        UserError: Another line is damaged.
    """
    path = run_dir / ANSWERS_FILE
    if not path.exists():
        return []
    found = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            if line:
                found.append(Answer(**json.loads(line)))
        except (ValueError, TypeError) as error:
            if line.endswith(b"}"):
                raise DataError(f"{path}, line {number}: it is damaged ({error}): delete that line.") from error
    return found


def by_person(answers: Iterable[Answer]) -> dict[int, dict[str, Answer]]:
    """The latest answer of each person for each example; persons in the order of these answers."""
    found: dict[int, dict[str, Answer]] = {}
    for each in answers:
        take_in(each, found, {})
    return {index: opinions for index, opinions in found.items() if opinions}


def take_in(answer: Answer, found: dict[int, dict[str, Answer]], wanted: dict[int, set[str]]) -> None:
    """Add the next answer of a log to the latest answers by example and person, and to who wants a second opinion."""
    if answer.kind == SECOND:
        wanted.setdefault(answer.index, set()).symmetric_difference_update({answer.by})
        return
    opinions = found.setdefault(answer.index, {})
    opinions.pop(answer.by, None)
    if answer.kind != UNDO:
        opinions[answer.by] = answer


def asks_for_another(opinions: dict[str, Answer], wanted: set[str], by: str) -> bool:
    """Whether somebody other than ``by`` is unsure or wants a second opinion, and nobody else has given one."""
    askers = wanted | {person for person, answer in opinions.items() if answer.kind == UNSURE}
    votes = {person for person, answer in opinions.items() if answer.is_vote}
    return any(not votes - {asker} for asker in askers - {by})


def resolve(opinions: Sequence[Answer]) -> Answer:
    """The answer of several people by the rule; ``opinions`` are in order of time, one for each person."""
    votes = [each for each in opinions if each.is_vote]
    if not votes:
        return opinions[-1]
    counts = Counter(each.value for each in votes)
    most = max(counts.values())
    return next(each for each in reversed(votes) if counts[each.value] == most)


def resolved(answers: Iterable[Answer]) -> dict[int, Answer]:
    """The answer by the rule for each example that has any."""
    return {index: resolve([*opinions.values()]) for index, opinions in by_person(answers).items()}
