"""``annotator=``: what people answer when they are asked for the class of an example, which need not be the truth.

The answers to all examples of the pool are given before the run begins, as a function of the seed and the example, so
they do not depend on when an example is queried, or on what was queried before. An annotator whose opinions vary may be
asked several times: the answer is then the class that most opinions name. Every opinion is paid for.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from alrun.data.dataset import STRANGER
from alrun.data.labels import class_of, number_of
from alrun.system import rng
from alrun.system.errors import SettingError

Rate = Annotated[float, Ge(0), Le(1)]  # share of the answers that are wrong
Opinions = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Asked:
    """The examples that an annotator is asked about: all of the pool, strangers included."""

    truth: np.ndarray  # (N,) int64: true labels, 0..classes-1 or STRANGER
    examples: np.ndarray  # (N, C, H, W) uint8, or vectors (N, d)
    classes: int
    class_names: Sequence[str] | None = None
    numbers: Sequence[int] | None = None  # of the classes before some were held out; None: as they are
    strange: Mapping[int, str] = field(default_factory=dict)  # names of classes that were held out, by their numbers
    # (N,) in the training split as it was read, -1: of another data set; None: they are all of it, in its order.
    rows: np.ndarray | None = None
    files: Sequence[str] | None = None  # (N,) their files, where they have any

    def class_of(self, name: Any) -> int | None:
        """The class that ``name`` means, STRANGER for "none of these"; None if it means none.

        It is the name of a class, or its number in the data set where names are not numbers themselves.
        """
        numbers = list(self.numbers if self.numbers is not None else range(self.classes))
        return self.named_among(name, numbers, self.class_names or [str(number) for number in numbers])

    def is_held_out(self, name: Any) -> bool:
        """Whether ``name`` means a class that was held out, by its name or its number."""
        return self.named_among(name, list(self.strange), list(self.strange.values())) not in (None, STRANGER)

    @staticmethod
    def named_among(name: Any, numbers: Sequence[int], names: Sequence[str]) -> int | None:
        """The position of the class that ``name`` means, as ``class_of``."""
        whole = number_of(str(name))
        text = str(int(whole)) if whole is not None and whole.is_integer() else str(name)
        found = class_of(text, names)
        if found is None and whole in numbers and not any(number_of(each) is not None for each in names):
            return numbers.index(int(text))
        return found


class Annotator(ABC):
    """Answers which class examples belong to."""

    opinions: int = 1  # that each example gets

    @abstractmethod
    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        """One opinion on every example: (N,) int64, a class or STRANGER, which says "none of these".

        Args:
            asked: The examples.
            number: Of the opinion, from 0.
            draws: The opinion's own random numbers. Draw as many for each example, in the order of examples.
        """


class Perfect(Annotator):
    """Every answer is the truth."""

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        """The true labels (N,)."""
        return asked.truth


class ByMatrix(Annotator):
    """Mistakes one class for another by a matrix of probabilities; a stranger is always recognized as one.

    Args:
        opinions: Opinions on each example, which err independently of one another.
    """

    def __init__(self, opinions: Opinions = 1) -> None:
        self.opinions = opinions

    @abstractmethod
    def matrix(self, asked: Asked) -> np.ndarray:
        """Probability of each answer (column) for each true class (row): (classes, classes), rows add up to 1."""

    def opinion(self, asked: Asked, number: int, draws: np.random.Generator) -> np.ndarray:
        """Answers (N,), by one uniform draw for each example: the class where the cumulated row exceeds it."""
        cumulated = np.cumsum(self.matrix(asked), axis=1)
        cumulated /= cumulated[:, -1:]  # exactly 1 at the end, also for a class without probability there
        drawn = draws.random(len(asked.truth))
        answers = asked.truth.copy()
        for label in range(asked.classes):
            members = asked.truth == label
            answers[members] = np.searchsorted(cumulated[label], drawn[members], side="right")
        return answers


class Uniform(ByMatrix):
    """A share of the answers, drawn, is replaced by another class, each of them as likely.

    Args:
        rate: The probability that an opinion is wrong.
        opinions: Opinions on each example, which err independently of one another.
    """

    def __init__(self, rate: Rate, opinions: Opinions = 1) -> None:
        super().__init__(opinions)
        self.rate = rate

    def matrix(self, asked: Asked) -> np.ndarray:
        """1 - rate on the diagonal, and the rate in equal parts beside it (classes, classes)."""
        matrix = np.full((asked.classes, asked.classes), self.rate / (asked.classes - 1))
        np.fill_diagonal(matrix, 1 - self.rate)
        return matrix


def annotate(annotator: Annotator, asked: Asked, seed: int) -> np.ndarray:
    """What ``annotator`` answers for each example if he is asked: (N,) int64, a class or STRANGER.

    Raises:
        UserError: An opinion is not of this kind.
    """
    opinions = [
        checked(annotator.opinion(asked, number, np.random.default_rng(rng.derive(seed, "annotator", number))), asked)
        for number in range(annotator.opinions)
    ]
    return majority(np.stack(opinions), asked.classes)


def majority(opinions: np.ndarray, classes: int) -> np.ndarray:
    """The label that most of ``opinions`` (k, N) name; of those that are named equally often, the one named first.

    Labels are 0..classes-1 or STRANGER. The result is (N,) int64.
    """
    answers = opinions[0].copy()
    most = (opinions == answers).sum(0)
    for opinion in opinions[1:]:
        votes = (opinions == opinion).sum(0)
        answers = np.where(votes > most, opinion, answers)
        most = np.maximum(votes, most)
    return answers


def checked(opinion: np.ndarray, asked: Asked) -> np.ndarray:
    """``opinion`` as (N,) int64, after a check that it holds a class of ``asked`` or STRANGER for each example.

    Raises:
        UserError: It does not.
    """
    opinion = np.asarray(opinion)
    if opinion.shape != asked.truth.shape or not np.issubdtype(opinion.dtype, np.integer):
        raise SettingError(
            f"annotator: an opinion is {opinion.dtype} of shape {opinion.shape}, not one whole number for each of "
            f"{len(asked.truth)} examples: fix opinion()."
        )
    strange = opinion[(opinion != STRANGER) & ((opinion < 0) | (opinion >= asked.classes))]
    if len(strange):
        raise SettingError(
            f"annotator: an opinion names class {strange[0]}, but classes are 0 to {asked.classes - 1}, and {STRANGER} "
            "where an example belongs to none: fix opinion()."
        )
    return opinion.astype(np.int64)
