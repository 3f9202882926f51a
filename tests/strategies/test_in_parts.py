"""Selections in parts: scores as those of the whole pool, two levels as by hand; what cannot be divided is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.models.outputs import Outputs
from alrun.strategies.badge import Badge
from alrun.strategies.bald import Bald
from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.coreset import Coreset
from alrun.strategies.in_parts import ByScore, is_alone, way_of
from alrun.strategies.more.density import Density
from alrun.strategies.more.expected_gradient import ExpectedGradient
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.more.power import Power
from alrun.strategies.query import build_query
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alrun.system.errors import SettingError
from alrun.testing.made_queries import images_in_fives, make_query


def in_parts(way: ByScore | Partitioned, query: Query, chunk: int, order: list[int] | None = None) -> Tensor:
    """The pool's examples that ``way`` chooses, with its parts computed in an order, each from its outputs alone."""
    ranges = way.ranges(len(query.unlabeled), chunk)
    proposed: dict[int, tuple[Outputs, Tensor | None]] = {}
    for number in order or range(len(ranges)):
        start, stop = ranges[number]
        if start < stop:
            part = query.unlabeled.take(torch.arange(start, stop))
            positions, scores = way.propose(replace(query, unlabeled=part), number + 1)
            proposed[number] = part.take(positions), scores
    outputs = Outputs.joined([proposed[number][0] for number in sorted(proposed)])
    scores = [proposed[number][1] for number in sorted(proposed)]
    known = [each for each in scores if each is not None]
    chosen, _ = way.decide(replace(query, unlabeled=outputs), torch.cat(known) if len(known) == len(scores) else None)
    return outputs.index[chosen]


class Steps(ScoreStrategy):
    """Scores with many ties."""

    each_alone = True
    needs = Needs(log_probs=True)

    def score(self, query: Query) -> Tensor:
        return (query.unlabeled.index * 7 % 4).float()


@pytest.mark.parametrize("strategy", [Entropy(), Margin(), LeastConfidence(), ExpectedGradient(), Steps()])
@pytest.mark.parametrize(("parts", "chunk"), [(1, 32), (3, 8), (5, 1), (200, 1), (4, 64)])
def test_that_scores_in_parts_are_those_of_the_whole_pool_ties_included(strategy, parts, chunk):
    query = make_query(strategy, size=30, images=images_in_fives)  # each image five times: ties
    scores = strategy.score(query).double().numpy()
    by_hand = np.lexsort((query.unlabeled.index.numpy(), -scores))[:30]
    found = in_parts(ByScore(strategy, parts), query, chunk)
    assert found.tolist() == query.unlabeled.index[by_hand].tolist()


@pytest.mark.parametrize(("count", "chunk", "parts"), [(1000, 64, 16), (10, 64, 3), (129, 64, 2), (7, 1, 7), (5, 2, 9)])
def test_that_parts_of_scores_are_whole_chunks_of_all_positions(count, chunk, parts):
    ranges = ByScore(Margin(), parts).ranges(count, chunk)
    assert [position for start, stop in ranges for position in range(start, stop)] == list(range(count))
    assert all(start % chunk == 0 for start, stop in ranges if start < stop)


@pytest.mark.parametrize("inner", [Coreset(), Badge(), Power(Margin())], ids=lambda each: type(each).__name__)
def test_that_parts_of_two_levels_depend_on_nothing_of_one_another(inner):
    strategy = Partitioned(inner, parts=4, candidates=2.0)
    query = make_query(strategy, size=20)
    positions = strategy.select(query)
    assert len(positions.unique()) == 20
    for order in (None, [3, 1, 0, 2]):
        torch.rand(7)  # a part needs nothing of what was drawn before
        assert in_parts(strategy, query, 32, order).tolist() == query.unlabeled.index[positions].tolist()


def test_that_two_levels_choose_by_hand():
    query = make_query(Margin(), size=10)
    scores = Margin().score(query).numpy()
    proposed = []
    for start, stop in ((0, 36), (36, 73), (73, 110)):  # 110 positions in three parts
        best = start + np.argsort(-scores[start:stop], kind="stable")[:5]  # 1.5 times 10 labels, from three parts
        proposed += sorted(best.tolist())
    by_hand = sorted(proposed, key=lambda position: -scores[position])[:10]
    found = Partitioned(Margin(), parts=3, candidates=1.5).select(query)
    assert sorted(found.tolist()) == sorted(by_hand)


def test_that_each_part_proposing_all_labels_finds_the_highest_scores_of_all():
    query = make_query(Margin(), size=25)
    found = Partitioned(Margin(), parts=5, candidates=5).select(query)
    assert sorted(found.tolist()) == sorted(Margin().select(query).tolist())


def test_that_a_query_about_some_examples_has_their_outputs():
    whole = make_query(Badge(), size=5)
    index = whole.unlabeled.index[32:64]  # of whole chunks
    arguments = (whole.pool, whole.model, whole.trained)
    trainer = type("Trainer", (), {"normalize": staticmethod(whole.normalize), "chunk": 32})()
    part = build_query(Badge.needs, 5, *arguments, trainer, lambda: whole.model, 0, 0, whole.training, among=index)
    assert part.unlabeled.index.equal(index)
    assert part.unlabeled.embedding.equal(whole.unlabeled.embedding[32:64])


class Relative(Margin):
    """Compares examples with one another, and says nothing."""

    def score(self, query: Query) -> Tensor:
        scores = super().score(query)
        return (scores - scores.mean()).abs()


def test_what_scores_examples_on_their_own():
    assert all(is_alone(each) for each in (Entropy(), Margin(), ExpectedGradient(), Bald()))
    assert not any(is_alone(each) for each in (Relative(), Density(), Coreset(), Power(Margin())))


def test_what_is_divided_and_what_is_refused():
    assert way_of(Coreset(), "local", 8) is None
    two = Partitioned(Coreset(), candidates=4)
    assert way_of(two, "local", 8) is two
    assert way_of(two, "ray", 8) is two
    assert isinstance(way_of(Margin(), "ray", 8), ByScore)
    assert isinstance(way_of(Bald(), "parts", 8, has_masks=False), ByScore), "members of an ensemble draw no masks"
    for strategy, words in (
        (Coreset(), "strategy=coreset compares examples with one another"),
        (Bald(), "strategy=bald compares examples with one another, or draws dropout masks"),
        (Relative(), "strategy.candidates=4"),
        (Partitioned(Coreset()), "drawn at random depend on one another: add strategy.candidates=4"),
    ):
        with pytest.raises(SettingError, match=words):
            way_of(strategy, "ray", 8)
