"""The interface of selection strategies.

A strategy declares in ``needs`` which outputs of the model it reads, gets them for the whole unlabeled pool from one
pass, and returns the positions to label. It holds only settings: what it learns in a round comes from the query, so
that an interrupted run can resume.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import fields
from inspect import signature
from typing import ClassVar

from torch import Tensor

from alrun.models.outputs import Needs, Outputs
from alrun.strategies.query import Query
from alrun.system.errors import StrategyError

__all__ = ["Needs", "NoScores", "Outputs", "Query", "ScoreStrategy", "Strategy", "highest"]


class NoScores(StrategyError):
    """A strategy's ``score`` returned something that examples cannot be ranked by."""


class Strategy(ABC):
    """Chooses which examples to label next."""

    needs: Needs = Needs()
    # The strategy to use instead on a pool of vectors, if this one needs images; None: it works on vectors.
    on_vectors: ClassVar[str | None] = None
    # Whether it knows what nobody can know: the answers to what was not queried, and the test set.
    is_oracle: ClassVar[bool] = False
    # Whether a score depends on nothing but the model and the outputs of the example itself. Parts of a pool then have
    # the scores of the whole (alrun.strategies.in_parts), and one pass over the outputs is enough where ``held`` says 0
    # (alrun.strategies.memory). A class that defines ``score`` must say so itself.
    each_alone: bool = False

    def __init_subclass__(cls, **given: object) -> None:
        super().__init_subclass__(**given)
        if vars(cls).keys() & {"select", "choose", "score"}:  # what another way of choosing needs is not known
            for name in {"held", "kept"} - vars(cls).keys():
                setattr(cls, name, getattr(Strategy, name))

    @abstractmethod
    def select(self, query: Query) -> Tensor:
        """Distinct positions in ``query.unlabeled`` to label: (query.size,) int64."""

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and the score of each (query.size,) if the strategy ranks by one, else None."""
        return self.select(query), None

    def held(self, count: int, size: int) -> int:
        """How many examples' outputs must be in memory together to choose ``size`` of ``count``: all, by default.

        A strategy that needs fewer reads the others by ``query.unlabeled.parts()``, ``points`` or ``gradient``. It says
        so in each class that defines how it chooses.
        """
        return count

    def kept(self) -> Needs | None:
        """The outputs that it keeps, of those in ``needs``, from one pass by ``query.unlabeled.collected``.

        It must then read nothing of ``query.unlabeled`` in another way. None: all of them are in memory for it, unless
        it has fewer ``held``. It says so in each class that defines how it chooses.
        """
        return None

    def matrices(self, held: int) -> float:
        """Bytes of matrices that it may take by its setting ``memory``, if it has one, beside ``held`` examples.

        They hold similarities of these examples to one another, and to labeled ones, taken to be as many. A strategy
        that makes a graph of neighbors instead says what that takes.
        """
        return min(getattr(self, "memory", 0.0), 2 * 4 * held**2)


def strategies_within(strategy: Strategy) -> Iterator[Strategy]:
    """``strategy`` itself, and those that it wraps, at any depth."""
    yield strategy
    for part in vars(strategy).values():
        for inner in part.values() if isinstance(part, dict) else [part]:
            if isinstance(inner, Strategy):
                yield from strategies_within(inner)


def together(needs: Iterable[Needs], first: Needs) -> Needs:
    """What several strategies need, on top of ``first``: the larger value of each field."""
    every = [first, *needs]
    return Needs(**{field.name: max(getattr(each, field.name) for each in every) for field in fields(Needs)})


class ScoreStrategy(Strategy):
    """Labels the examples with the highest scores; ties go to the lower index.

    ``strategy=power`` samples by the same scores, and ``ask`` writes them beside the examples.
    """

    def __init_subclass__(cls, **given: object) -> None:
        super().__init_subclass__(**given)
        score = vars(cls).get("score")
        if score and "each_alone" not in vars(cls):
            cls.each_alone = False
        if score and list(signature(score).parameters)[1:] == ["unlabeled"]:
            raise StrategyError(
                f"{cls.__name__}.score(self, unlabeled) is from alrun 0.1: write score(self, query), and "
                "query.unlabeled in it; `alrun check` with the name of the file lists all changes."
            )

    @abstractmethod
    def score(self, query: Query) -> Tensor:
        """Score of each example of ``query.unlabeled``; the highest are labeled: (n,)."""

    def select(self, query: Query) -> Tensor:
        """Positions of the ``query.size`` highest scores, best first: (query.size,) int64.

        Raises:
            NoScores: ``score`` returned something other than a number for each example.
        """
        return highest(self.checked_scores(query), query.size)

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select`` and their scores, which are computed once."""
        if type(self).select is not ScoreStrategy.select:  # a subclass that chooses in another way
            return super().choose(query)
        scores = self.checked_scores(query)
        positions = highest(scores, query.size)
        return positions, scores[positions]

    def checked_scores(self, query: Query) -> Tensor:
        """The scores (n,), after a check that there is a number for each example.

        Raises:
            NoScores: There is not.
        """
        scores: object = self.score(query)
        count = len(query.unlabeled)
        problem = None
        if not isinstance(scores, Tensor):
            problem = f"a {type(scores).__name__}, not a torch tensor"
        elif scores.shape != (count,):
            problem = f"a tensor of shape {tuple(scores.shape)}, not ({count},)"
        elif scores.isnan().any():
            problem = f"{int(scores.isnan().sum())} scores that are NaN"
        if problem:
            raise NoScores(f"{type(self).__name__}.score() returned {problem}: fix score().")
        return scores  # type: ignore[return-value]


def highest(scores: Tensor, size: int) -> Tensor:
    """Positions (size,) of the highest of ``scores`` (n,), best first; ties go to the lower position."""
    least = scores.topk(size).values[-1]
    among = (scores >= least).nonzero().flatten()
    return among[scores[among].argsort(descending=True, stable=True)[:size]]
