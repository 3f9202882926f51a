"""Labels that people give: the requests of each round and the answers, in the run's folder."""

import csv
import itertools
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import STRANGER, ImageData
from alrun.data.labels import clean_name, number_of
from alrun.pool.pool import Pool
from alrun.runs import answers
from alrun.runs.run_folder import display_path
from alrun.runs.state import RoundRecord
from alrun.system import files, spreadsheet
from alrun.system.errors import DataError
from alrun.system.words import closest

log = logging.getLogger(__name__)

LABELS_FILE = "labels.csv"
USED_FILE = "labels_used.csv"  # the label of each example from the round on that was first trained with it
REQUEST_COLUMNS = ["index", "file", "score", "label"]
# Answers that are no class: the example is neither trained on nor asked for again, until it gets a label.
SKIPPED, UNSURE = -3, -4
WORDS = {"skip": SKIPPED, "unsure": UNSURE, "none of these": STRANGER}
KIND_OF = {SKIPPED: answers.SKIP, UNSURE: answers.UNSURE, STRANGER: answers.NONE}
NO_LABEL = -1


class Labeling:
    """The part of a run that people do: ``ask_<round>.csv`` says what to label, labels.csv holds their labels."""

    def __init__(self, run_dir: Path, data: ImageData) -> None:
        assert data.class_names is not None
        self.run_dir = run_dir
        self.classes = data.class_names
        self.names = data.files
        self.tested = np.bincount(data.test_labels, minlength=1)
        self.given = read_labels(run_dir, self.classes)
        self.fixed = -1  # the last round whose labels are noted

    def fill(self, pool: Pool, queries: Sequence[Tensor]) -> None:
        """Give ``pool`` the labels of the current round, and move what was queried out of its unlabeled examples.

        The labels are those that people gave so far; once the round is being trained, those that it began with, so
        that a correction takes effect from the next round on. What has an answer without a label is not queried again.
        """
        round = len(queries) - 1
        used = read_used(self.run_dir, self.classes)
        self.fixed = max(used, default=-1)
        if self.fixed >= round:
            self.given = labels_of_round(used, round)
        pool.labels = pool.labels.clone()  # it may share its memory with the data set
        if known := {example: number for example, number in self.given.items() if number >= 0}:
            index = torch.tensor(list(known), device=pool.device)
            pool.labels[index] = torch.tensor(list(known.values()), device=pool.device)
        for query in queries:
            has_none = torch.tensor([self.given.get(example, 0) < 0 for example in query.tolist()], dtype=torch.bool)
            pool.set_aside(query[has_none])
            pool.label(query[~has_none])

    def fix(self, round: int) -> None:
        """Note the labels that ``round`` is trained with: those that are new or differ from the round before."""
        if self.fixed >= round:
            return
        if not any(number >= 0 for number in self.given.values()):
            raise DataError(
                "no example has a label yet, so there is nothing to train on: label some that are asked for."
            )
        used = read_used(self.run_dir, self.classes)
        before = labels_of_round(used, round)
        now = {index: before.get(index, NO_LABEL) for index in before} | self.given
        now |= {index: NO_LABEL for index in before if index not in self.given}
        used[round] = {index: now[index] for index in sorted(now) if before.get(index, NO_LABEL) != now[index]}
        words = {number: word for word, number in WORDS.items()} | {NO_LABEL: ""} | dict(enumerate(self.classes))
        rows = [
            {"round": each, "index": index, "label": words[number]}
            for each, labels in used.items()
            for index, number in labels.items()
        ]
        files.write_csv(self.run_dir / USED_FILE, ["round", "index", "label"], rows)
        self.fixed = round
        changed = [index for index in used[round] if before.get(index, NO_LABEL) >= 0]
        if changed:
            log.info("%d labels were corrected: round %d is the first that is trained with them", len(changed), round)

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

    def predict(self, round: int, index: Tensor, log_probs: Tensor) -> None:
        """Keep what the model says of the examples at ``index`` (k,): log probabilities (k, C)."""
        shares, numbers = log_probs.exp().max(1)
        rows = [
            {"index": example, "label": self.classes[number], "share": f"{share:.4f}"}
            for example, number, share in zip(index.tolist(), numbers.tolist(), shares.tolist(), strict=True)
        ]
        files.write_csv(prediction_path(self.run_dir, round), ["index", "label", "share"], rows)

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
        if not missing or self.fixed >= round:
            return False
        path = request_path(self.run_dir, round)
        if not path.exists():
            self.ask(round, index)
        log.info(
            "%d of %d labels are missing: fill in the column label of %s with %s, and hand it to alrun tell",
            len(missing),
            len(index),
            display_path(path),
            ", ".join(self.classes),
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
    """The answers that people gave so far: the number of the class by example, or SKIPPED or UNSURE.

    They are in labels.csv, or in the log of a labeling project.

    Raises:
        UserError: A file is damaged.
    """
    if (run_dir / answers.ANSWERS_FILE).exists():
        found = answers.resolved(answers.read_answers_log(run_dir))
        return {index: number_of_answer(answer, classes) for index, answer in found.items()}
    given: dict[int, int] = {}
    for line, index, label, _ in read_lines(run_dir / LABELS_FILE) if (run_dir / LABELS_FILE).exists() else ():
        example, number = parse_index(index), answer_of(label, classes)
        if example is None or number is None:
            wrong = (
                f"index {index!r} is not a whole number." if example is None else unknown_class_sentence(label, classes)
            )
            raise DataError(f"{run_dir / LABELS_FILE}, line {line}: {wrong} Fix that line; the other labels are kept.")
        given[example] = number
    return given


def number_of_answer(answer: answers.Answer, classes: Sequence[str]) -> int:
    """The number of the class that an answer of the log names, or what it is instead.

    Raises:
        UserError: There is no such class.
    """
    if answer.kind == answers.LABEL:
        if answer.label not in classes:
            raise DataError(f"{answers.ANSWERS_FILE}: {answer.label!r} is not a class of this project.")
        return list(classes).index(str(answer.label))
    return next(number for number, kind in KIND_OF.items() if kind == answer.kind)


def prediction_path(run_dir: Path, round: int) -> Path:
    """The file with what the model said of the examples that are asked for before ``round``."""
    return run_dir / f".predicted_{round}.csv"


def read_predictions(run_dir: Path, round: int) -> dict[int, tuple[str, float]]:
    """The class, and its share, that the model gave to each example asked for before ``round``."""
    path = prediction_path(run_dir, round)
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {int(row["index"]): (row["label"], float(row["share"])) for row in csv.DictReader(file)}


def read_requested(run_dir: Path, round: int) -> list[tuple[int, str, float | None]]:
    """Index, file and score of the examples that were asked for before ``round``, in order."""
    with (run_dir / f".ask_{round}.csv").open(newline="", encoding="utf-8") as file:
        return [
            (int(row["index"]), row["file"], float(row["score"]) if row["score"] else None)
            for row in csv.DictReader(file)
        ]


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

    A line whose file belongs to another example than its index is refused: somebody may have sorted only one column.

    Raises:
        UserError: The file cannot be read at all.
    """
    given = read_labels(run_dir, classes)
    names = {index: file for sheet in run_dir.glob(".ask_*.csv") for _, index, _, file in read_lines(sheet)}
    found, mistakes = read_answers(path, classes, set(asked_for), given, names)
    if found:
        words = {number: word for word, number in WORDS.items()} | dict(enumerate(classes))
        rows = [{"index": index, "label": words[number]} for index, number in sorted((given | found).items())]
        files.write_csv(run_dir / LABELS_FILE, ["index", "label"], rows)
    return len(found), mistakes


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
        number = answer_of(label, classes)
        if problem or example is None or number is None:
            mistakes[line] = str(problem)
            continue
        before = labeled.get(example, number)
        if before >= 0 and before != number:
            mistakes[line] = (
                f"{example} was already labeled {classes[before]}, and is {label} here; if it is {label}, "
                f"fix {LABELS_FILE}"
            )
        elif example in found and found[example][1] != number:
            first, other = found[example]
            word = {**dict(enumerate(classes)), **{each: name for name, each in WORDS.items()}}[other]
            mistakes[first] = mistakes[line] = f"{example} is {word} in line {first}, {label} in line {line}"
        else:
            found.setdefault(example, (line, number))
    new = {
        example: label
        for example, (line, label) in found.items()
        if line not in mistakes and labeled.get(example) != label
    }
    return new, [f"line {line}: {mistakes[line]}" for line in sorted(mistakes)]


class Ends:
    """Finds examples by the ends of their paths: on another machine, other folders come before them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.paths = {int(index): split_path(name) for index, name in names.items() if name}
        self.called: dict[str, list[int]] = {}
        for example, path in self.paths.items():
            self.called.setdefault(path[-1], []).append(example)

    def nearest(self, file: str) -> list[int]:
        """The examples whose paths have the longest common end with ``file``."""
        path = split_path(file)
        alike = {example: count_shared_parts(self.paths[example], path) for example in self.called.get(path[-1], [])}
        return [example for example, length in alike.items() if length == max(alike.values())]

    def fits(self, example: int, file: str) -> bool:
        """Whether ``file`` may belong to ``example``; always true if the example has no known file."""
        return example not in self.paths or example in self.nearest(file)

    def example(self, index: str, file: str) -> tuple[int | None, str | None]:
        """The example of a line that has only a file, or why there is none."""
        found = self.nearest(file)
        if len(found) == 1:
            return found[0], None
        return None, f"{file} was not asked for" if not found else f"{len(found)} examples end in {file}: add the index"


def split_path(path: str) -> list[str]:
    """The folders and the name of a file, with slashes or backslashes."""
    return clean_name(path).replace("\\", "/").rstrip("/").split("/")


def count_shared_parts(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts at their ends two paths have in common."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


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


# What spreadsheets in other languages make of true and false.
TRUTH = {"wahr": "true", "vrai": "true", "verdadero": "true", "vero": "true", "verdadeiro": "true"}
TRUTH |= {"falsch": "false", "faux": "false", "falso": "false"}


def class_of(label: str, classes: Sequence[str]) -> int | None:
    """The number of the class that a label names; None if it names no class, or two.

    Changes by spreadsheets are undone: case, TRUE for true, 7 for 007 and 7.0 for 7.
    """
    name = clean_name(label)
    if not name:
        return None
    if name in classes:
        return list(classes).index(name)
    folded = TRUTH.get(name.casefold(), name.casefold())
    alike = [number for number, each in enumerate(classes) if each.casefold() == folded]
    if not alike:
        value = number_of(name.replace(",", "."))
        alike = [number for number, each in enumerate(classes) if value is not None and number_of(each) == value]
    return alike[0] if len(alike) == 1 else None


def answer_of(label: str, classes: Sequence[str]) -> int | None:
    """The number of the class that a label names, or of the word for an answer without one; None if it is neither."""
    number = class_of(label, classes)
    return WORDS.get(clean_name(label).casefold()) if number is None else number


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


DATE = re.compile(
    r"[0-9]{1,2}[-./ ]+[^\W\d]{3,}\.?|[^\W\d]{3,}[-./ ]+[0-9]{1,4}|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*"
)


def unknown_class_sentence(label: str, classes: Sequence[str]) -> str:
    """The sentence for a label that is not a class."""
    made = " (a spreadsheet may have made a date of it: format the column as text)" if DATE.fullmatch(label) else ""
    return f"{label!r} is not a class{made}; {closest(label, list(classes))}"
