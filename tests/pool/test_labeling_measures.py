"""Measures of labels against a count by hand, example by example."""

import math

import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.pool.labeling_measures import measure_labeling
from alrun.pool.pool import Pool


def pool_of(labels: torch.Tensor, truth: torch.Tensor) -> Pool:
    return Pool(torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8), labels, truth=truth)


def slow(query, labeled, strangers, labels, truth):
    """The same, counted one by one."""
    known = sum(truth[each] != STRANGER for each in query)
    spent = sum(truth[each] == STRANGER for each in [*labeled, *strangers])
    wrong = sum(labels[each] != truth[each] for each in labeled)
    return known / len(query), spent, wrong / len(labeled) if labeled else math.nan


@pytest.mark.parametrize("seed", range(5))
def test_measures_count_examples_one_by_one(seed):
    draws = torch.Generator().manual_seed(seed)
    truth = torch.randint(-1, 4, (60,), generator=draws)
    truth[truth == -1] = STRANGER
    labels = torch.where(torch.rand(60, generator=draws) < 0.3, torch.randint(4, (60,), generator=draws), truth)
    pool, queried = pool_of(labels, truth), torch.randperm(60, generator=draws)[:30]
    for query in queried.split(10):
        pool.label(query)
        found = measure_labeling(pool, query)
        lists = (each.tolist() for each in (query, pool.labeled, pool.strangers, labels, truth))
        assert (found.purity, found.strangers, found.wrong_labels) == pytest.approx(slow(*lists))


def test_a_query_of_strangers_alone_labels_nothing():
    pool = pool_of(truth := torch.full((4,), STRANGER), truth)
    pool.label(query := torch.tensor([2, 0]))
    found = measure_labeling(pool, query)
    assert (found.purity, found.strangers) == (0, 2)
    assert math.isnan(found.wrong_labels)
