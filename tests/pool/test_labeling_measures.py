"""Measures of labels against a count by hand, example by example."""

import math

import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.pool.labeling_measures import measure_labeling


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
    queried = torch.randperm(60, generator=draws)[:30]
    labeled, strangers = queried[labels[queried] != STRANGER], queried[labels[queried] == STRANGER]
    given = queried[20:], labeled, strangers, labels, truth
    found = measure_labeling(*given)
    expected = slow(*(each.tolist() for each in given))
    assert (found.purity, found.strangers, found.wrong_labels) == pytest.approx(expected)


def test_a_query_of_strangers_alone_labels_nothing():
    none = torch.empty(0, dtype=torch.int64)
    truth = torch.full((4,), STRANGER)
    found = measure_labeling(torch.tensor([2, 0]), none, torch.tensor([2, 0]), truth, truth)
    assert (found.purity, found.strangers) == (0, 2)
    assert math.isnan(found.wrong_labels)
