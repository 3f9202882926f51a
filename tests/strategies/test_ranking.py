"""Strategies that rank by a score select the highest and report their scores; ``power`` draws by them."""

import pkgutil
from pathlib import Path

import pytest
import torch

from alrun.settings import factory
from alrun.strategies import ScoreStrategy, Strategy
from alrun.strategies.badge import Badge
from alrun.strategies.more.discriminative import Discriminative
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.more.power import Power
from alrun.strategies.more.subsample import Subsample
from alrun.strategies.uncertainty import Entropy
from tests.strategies.queries import make_query

CONF = Path(__file__).parents[2] / "conf" / "strategy"
SHORT = {  # of training and of search, whose length does not matter here
    "vaal": ["strategy.iterations=3", "strategy.width=4", "strategy.batch_size=8"],
    "learning_loss": ["strategy.epochs=3"],
    "discriminative": [
        *("strategy.epochs=3", "strategy.width=8", "strategy.sub_batches=1", "strategy.candidates_per_label=null")
    ],
    "deepfool": ["strategy.max_iterations=3"],
    "bim": ["strategy.max_iterations=5"],
}
# By the algorithms of their papers: a number for each example that no other choice changes, and the highest are taken.
# Of discriminative that holds within a sub-batch.
RANKING = {
    *("bald", "bim", "cal", "deepfool", "density", "discriminative", "entropy", "expected_gradient", "learning_loss"),
    *("least_confidence", "lfosa", "margin", "vaal", "variation_ratio", "vote_entropy"),
}


def built(composed, name: str, *settings: str) -> Strategy:
    return factory.build(composed(f"strategy={name}", *settings).strategy, "strategy")


def seeded(strategy: Strategy):
    """A query as a run makes it, torch's global generator included: some networks are drawn from it."""
    query = make_query(strategy)
    torch.manual_seed(5)
    return query


def class_of(option: str) -> type:
    """The class that an option names."""
    text = (CONF / f"{option}.yaml").read_text()
    return pkgutil.resolve_name(text.partition("_target_: ")[2].split()[0])


def test_what_ranks_is_a_score_strategy_and_nothing_else_is():
    options = [path.stem for path in CONF.glob("*.yaml")]
    assert {option for option in options if issubclass(class_of(option), ScoreStrategy)} == RANKING


@pytest.mark.parametrize("name", sorted(RANKING))
def test_the_highest_scores_are_chosen_drawn_by_and_reported(composed, name):
    strategy = built(composed, name, *SHORT.get(name, []))
    assert isinstance(strategy, ScoreStrategy)
    scores = strategy.score(seeded(strategy))
    assert scores.shape == (110,)
    best = sorted(range(110), key=lambda example: (-float(scores[example]), example))[:20]
    assert strategy.select(seeded(strategy)).tolist() == best
    positions, reported = strategy.choose(seeded(strategy))
    assert positions.tolist() == best
    assert reported is not None
    assert reported.tolist() == scores[positions].tolist()

    certain = Power(strategy, kind="softrank", beta=1e6)  # at such odds nothing is left to chance
    drawn, reported = certain.choose(seeded(certain))
    assert drawn.tolist() == best
    assert reported.tolist() == scores[positions].tolist()
    uniform = Power(strategy, kind="softmax", beta=0)
    assert set(uniform.select(seeded(uniform)).tolist()) != set(best)


@pytest.mark.parametrize("around", [Subsample, Partitioned])
def test_parts_of_the_pool_keep_the_scores_of_what_chooses_in_them(around):
    strategy = around(Entropy())
    positions, reported = strategy.choose(make_query(strategy))
    assert reported is not None
    assert reported.tolist() == Entropy().score(make_query(Entropy()))[positions].tolist()
    strategy = around(Badge())
    assert strategy.choose(make_query(strategy))[1] is None


def test_sub_batches_tell_the_scores_that_they_went_by():
    strategy = Discriminative(epochs=3, width=8, sub_batches=4)
    positions, reported = strategy.choose(seeded(strategy))
    assert reported is not None
    assert len(positions.unique()) == len(reported) == 20
    for part in reported.split(5):
        assert part.tolist() == sorted(part.tolist(), reverse=True)
    first = strategy.score(seeded(strategy))
    assert reported[:5].tolist() == first[positions[:5]].tolist()
    assert reported[5:].tolist() != first[positions[5:]].tolist()


class Reversed(ScoreStrategy):
    """One that chooses otherwise than by its scores."""

    def score(self, query):
        return torch.arange(len(query.unlabeled)).float()

    def select(self, query):
        return torch.arange(query.size)


def test_a_select_of_ones_own_is_what_counts():
    positions, reported = Reversed().choose(make_query(Reversed()))
    assert positions.tolist() == list(range(20))
    assert reported is None
