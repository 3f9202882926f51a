"""A selection in parts: each part of the unlabeled examples proposes some, and what they propose is decided among.

A part depends on nothing of the others, so parts can be computed anywhere, in any order and again: the result is the
same. There are two ways. Scores of examples on their own: each part proposes its highest, and the highest of those are
the highest of all, ties included (``ByScore``). Any other strategy is asked twice, within parts and among what they
propose (``Partitioned`` with ``candidates``); that is another selection than one of the whole pool, and has its name.
"""

from dataclasses import replace
from itertools import pairwise

from torch import Tensor

from alrun.settings.option_names import named
from alrun.strategies.base import Query, ScoreStrategy, Strategy, highest, strategies_within
from alrun.strategies.more.partitioned import Partitioned
from alrun.system.errors import SettingError

Range = tuple[int, int]  # positions of unlabeled examples, from the first to before the last


class ByScore:
    """The highest scores of the whole pool, from the highest of each of ``parts``."""

    keeps_outputs = False  # of what parts propose: scores are enough to decide

    def __init__(self, strategy: ScoreStrategy, parts: int) -> None:
        self.strategy = strategy
        self.parts = parts

    def ranges(self, count: int, chunk: int) -> list[Range]:
        """Consecutive ranges of ``count`` positions, in whole chunks: a pass over them then has the whole pool's bits.

        There may be fewer chunks than parts; the last ranges are empty then.
        """
        chunks = -(-count // chunk)
        edges = [min(count, chunk * (chunks * number // self.parts)) for number in range(self.parts + 1)]
        return list(pairwise(edges))

    def propose(self, query: Query, number: int) -> tuple[Tensor, Tensor | None]:
        """Positions (k,) in a part and their scores (k,): all labels might come from it."""
        return self.strategy.choose(replace(query, size=min(query.size, len(query.unlabeled))))

    def decide(self, query: Query, scores: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Positions (size,) of the highest ``scores``, best first, and those scores; ties go to the lower index."""
        assert scores is not None
        order = query.unlabeled.index.argsort()
        chosen = order[highest(scores[order], query.size)]
        return chosen, scores[chosen]


def way_of(strategy: Strategy, engine: str, parts: int, has_masks: bool = True) -> ByScore | Partitioned | None:
    """How ``strategy`` selects in parts; None: it selects from the whole pool at once, in this process.

    Args:
        strategy: The strategy of the run.
        engine: Where its parts are computed.
        parts: How many, where scores decide.
        has_masks: Whether passes that disagree draw dropout masks; the members of an ensemble do not.

    Raises:
        UserError: ``engine`` is not local, and the strategy cannot be divided.
    """
    if isinstance(strategy, Partitioned) and strategy.candidates is not None:
        return strategy
    if engine == "local":
        return None
    name, where = named(strategy, "strategy"), f"runtime.engine={engine}"
    if any(each.is_oracle for each in strategies_within(strategy)):
        raise SettingError(f"{where}: {name} trains a model for each batch that it tries: use runtime.engine=local.")
    if isinstance(strategy, Partitioned):
        raise SettingError(
            f"{where}: parts that are drawn at random depend on one another: add strategy.candidates=4, which selects "
            "in two levels, or use runtime.engine=local."
        )
    if not is_alone(strategy) or (strategy.needs.dropout_samples and has_masks):
        raise SettingError(
            f"{where}: {name} compares examples with one another, or draws dropout masks from chunk to chunk: select "
            "in two levels by strategy=partitioned strategy@strategy.inner=... strategy.candidates=4, or use "
            "runtime.engine=local."
        )
    assert isinstance(strategy, ScoreStrategy)
    return ByScore(strategy, parts)


def is_alone(strategy: Strategy) -> bool:
    """Whether a strategy takes the highest scores of examples, each of which depends on that example alone."""
    return (
        isinstance(strategy, ScoreStrategy)
        and strategy.each_alone
        and type(strategy).select is ScoreStrategy.select
        and type(strategy).choose is ScoreStrategy.choose
    )
