"""Takes answers into the log of a labeling project: checks what they are about, and counts what is new."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alrun.data.file_ends import Ends
from alrun.runs import answers
from alrun.runs.answers import Answer
from alrun.runs.label_files import asked_examples, read_labels
from alrun.runs.query_table import read_queries
from alrun.runs.sheets import KIND_OF, answer_of, unknown_class_sentence
from alrun.system.counts import counted, is_or_are


@dataclass(frozen=True)
class Said:
    """An answer as a file has it: ``where`` it is in the file, about which index or file, of which kind, by whom."""

    where: str
    index: int | None
    file: str
    kind: str
    label: str | None = None
    by: str = ""
    instead: tuple[str, ...] = ()  # what may be the class if ``label`` is not


@dataclass
class Found:
    """The answers in a file, in the order in which they were given, and a sentence for each part that is refused."""

    said: list[Said] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass
class Kept:
    """What became of answers; ``missing`` examples of the last request have no answer."""

    new: int = 0
    corrected: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    missing: int = 0
    disagree: int = 0

    def sentence(self) -> str:
        """The counts in words."""
        parts = [
            f"{counted(self.new, 'new answer')} {is_or_are(self.new)} kept, {len(self.refused)} refused; "
            f"{self.missing} {is_or_are(self.missing)} still missing."
        ]
        if self.corrected:
            parts.append(
                f"{len(self.corrected)} of them correct an earlier one, for the rounds that are not trained yet: "
                f"{', '.join(self.corrected[:5])}{' ...' if len(self.corrected) > 5 else ''}."
            )
        if self.disagree:
            parts.append(f"Of {self.disagree} examples people say different things: what most say counts, or the last.")
        return "\n".join(parts)


def requested(run_dir: Path) -> tuple[list[list[int]], dict[str, str]]:
    """The queries of a run, in order, and the file of each example by its index as text."""
    return [query.tolist() for query in read_queries(run_dir).values()], asked_examples(run_dir)[0]


def keep_answers(run_dir: Path, classes: Sequence[str], found: Found) -> Kept:
    """Add the good answers of ``found`` to the log of a run.

    Raises:
        UserError: The log is damaged or cannot be written.
    """
    queries, names = requested(run_dir)
    asked_for, by_end = {index for query in queries for index in query}, Ends(names)
    known = answers.by_person(answers.read_answers_log(run_dir))
    kept, new, last = Kept(refused=[*found.refused]), [], dict[tuple[int, str], Answer]()
    for said in found.said:
        answer, problem = checked(said, classes, asked_for, by_end, names)
        if answer is None:
            kept.refused.append(f"{said.where}: {problem}")
            continue
        last.pop((answer.index, answer.by), None)
        last[answer.index, answer.by] = answer
    for answer in last.values():
        opinions = known.setdefault(answer.index, {})
        before = opinions.pop(answer.by, None)
        if answer.kind != answers.UNDO:
            opinions[answer.by] = answer
        if before is not None and before.value == answer.value:
            opinions[answer.by] = before
            continue
        new.append(answer)
        if before is not None and before.is_vote:
            kept.corrected.append(f"{answer.index} was {before.label or before.kind}, is {answer.label or answer.kind}")
    if new:
        answers.append_answers(run_dir, new)
    kept.new = len(new)
    done = read_labels(run_dir, classes)
    kept.missing = sum(index not in done for index in queries[-1])
    kept.disagree = len(disagreements(answers.read_answers_log(run_dir)))
    return kept


def disagreements(log: Sequence[Answer]) -> list[int]:
    """The examples of which people say different things."""
    found = answers.by_person(log)
    return [
        index for index, each in found.items() if len({answer.value for answer in each.values() if answer.is_vote}) > 1
    ]


def checked(
    said: Said, classes: Sequence[str], asked_for: set[int], by_end: Ends, names: dict[str, str]
) -> tuple[Answer | None, str | None]:
    """The answer that is meant, or why it is refused."""
    index, problem = said.index, None
    if index is None:
        index, problem = by_end.example("", said.file)
    if problem or index is None:
        return None, problem
    if index not in asked_for:
        return None, f"{index} was not asked for"
    if said.file and not by_end.fits(index, said.file):
        return None, f"{index} is {names[str(index)]}, not {said.file}: index and file have come apart"
    if said.kind != answers.LABEL:
        return Answer(index, said.kind, None, said.by), None
    kind, label = meaning(said.label or "", classes)
    if kind is None:
        others = [found for word in said.instead if (found := meaning(word, classes))[0] is not None]
        if len(others) != 1:
            return None, unknown_class_sentence(said.label or "", classes)
        kind, label = others[0]
    assert kind is not None
    return Answer(index, kind, label, said.by), None


def meaning(word: str, classes: Sequence[str]) -> tuple[str | None, str | None]:
    """The kind of answer and the class that a word of an annotation tool means; (None, None) if it means nothing."""
    number = answer_of(word, classes)
    if number is None:
        return None, None
    return (answers.LABEL, classes[number]) if number >= 0 else (KIND_OF[number], None)
