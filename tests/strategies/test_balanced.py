"""Balanced classes against the definition, written out for every candidate, and against every possible batch."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from alrun.models.outputs import Outputs
from alrun.strategies.badge import Badge
from alrun.strategies.more.balanced import Balanced, balance, shortfall
from alrun.strategies.more.power import Power
from alrun.strategies.uncertainty import Entropy
from tests.strategies.queries import make_query


def distance(lacking, probs, chosen) -> float:
    return float(np.abs(lacking - probs[list(chosen)].sum(0)).sum())


def one_by_one(values, probs, lacking, trade_off, size) -> list[int]:
    chosen: list[int] = []
    for _ in range(size):
        gains = {
            example: values[example] - trade_off * distance(lacking, probs, [*chosen, example])
            for example in range(len(values))
            if example not in chosen
        }
        chosen.append(max(gains, key=lambda example: (gains[example], -example)))
    return chosen


def made(seed: int, count: int, classes: int):
    numbers = np.random.default_rng(seed)
    probs = numbers.dirichlet(np.full(classes, 0.4), count)
    return numbers.random(count), probs, numbers.integers(0, 6, classes).astype(float)


@pytest.mark.parametrize("trade_off", [0.0, 0.1, 0.6, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_picks_are_those_of_the_definition(trade_off, seed):
    values, probs, lacking = made(seed, 60, 4)
    found = balance(values, probs, lacking, trade_off, 30)
    assert found.tolist() == one_by_one(values, probs, lacking, trade_off, 30)
    if not trade_off:
        assert found.tolist() == np.argsort(-values, kind="stable")[:30].tolist()


def test_greedy_picks_come_close_to_the_best_of_all_batches():
    """The authors solve the binary program; here every batch of 4 among 12 is tried."""
    missed = []
    for seed in range(8):
        values, probs, lacking = made(seed, 12, 3)
        lacking = np.minimum(lacking, 2)

        def cost(batch, values=values, probs=probs, lacking=lacking) -> float:
            return float(0.6 * distance(lacking, probs, batch) - values[list(batch)].sum())

        costs = sorted(cost(batch) for batch in combinations(range(12), 4))
        missed.append((cost(balance(values, probs, lacking, 0.6, 4)) - costs[0]) / (costs[-1] - costs[0]))
    assert max(missed) < 0.1
    assert np.mean(missed) < 0.03
    assert min(missed) < 1e-12


def test_what_classes_lack_of_their_equal_share():
    labels = np.array([0, 0, 0, 0, 1, 1, 3])
    assert shortfall(labels, 6, 4).tolist() == [0, 1, 3, 2]  # 13 labels after it, 3 for each class
    assert shortfall(labels, 1, 4).tolist() == [0, 0, 2, 1]


def skewed(strategy, size=12):
    """A query in which nine of ten examples are predicted, and labeled, as class 0."""
    query = make_query(strategy, size)
    numbers = np.random.default_rng(0)
    classes = np.where(np.arange(110) % 10, 0, numbers.integers(1, 5, 110))
    probs = np.full((110, 5), 0.05)
    probs[np.arange(110), classes] = 0.8
    logs = torch.from_numpy(probs + 1e-3 * numbers.random((110, 5))).log().log_softmax(1)
    fields = {**query.unlabeled._fields, "log_probs": logs}
    query.pool.labels[query.labeled.index] = torch.tensor([0] * 9 + [1])
    return replace(query, unlabeled=Outputs(query.unlabeled.index, **fields)), torch.from_numpy(classes)


@pytest.mark.parametrize("inner", [Entropy(), Badge(), Power(Entropy())], ids=lambda inner: type(inner).__name__)
def test_rare_classes_get_their_labels_whatever_is_wrapped(inner):
    strategy = Balanced(inner)
    query, classes = skewed(strategy)
    balanced = int((classes[strategy.select(query)] > 0).sum())
    query, _ = skewed(strategy)
    alone = int((classes[inner.select(query)] > 0).sum())
    assert balanced >= 8 > alone + 3


def test_scores_are_the_inner_strategys_and_an_order_stands_for_missing_ones():
    query = make_query(Balanced(Entropy()))
    positions, scores = Balanced(Entropy()).choose(query)
    assert scores is not None
    assert scores.tolist() == Entropy().score(query)[positions].tolist()
    strategy = Balanced(Badge(), candidate_factor=3)
    query = make_query(strategy)
    order = Badge().select(replace(make_query(strategy), size=60)).tolist()
    probs = query.unlabeled.probs.double().numpy()[order]
    lacking = shortfall(query.labels.numpy(), 20, 5)
    expected = one_by_one(-np.arange(60) / 59, probs, lacking, 0.6, 20)
    positions, scores = strategy.choose(query)
    assert scores is None
    assert positions.tolist() == [order[at] for at in expected]
