"""The pool, round after round."""

import pytest
import torch

from alrun.data.dataset import STRANGER
from alrun.pool.pool import Pool


def test_purchases_leave_the_images_where_they_are_and_the_index_flat():
    """An example costs as much to fetch in the last round as in the first: nothing is copied, wrapped or nested."""
    pool = Pool(torch.zeros(100, 1, 2, 2, dtype=torch.uint8), torch.arange(100) % 5)
    images, place = pool.images, pool.images.data_ptr()
    for start in range(0, 96, 4):
        pool.label(pool.unlabeled[torch.tensor([3, 0, 1, 2])])
        assert pool.labeled[start:].tolist() == [start + 3, start, start + 1, start + 2]
    assert pool.images is images
    assert pool.images.data_ptr() == place
    assert pool.labeled.shape == (96,)
    assert pool.labeled.dtype == torch.int64
    assert pool.unlabeled.tolist() == [96, 97, 98, 99]


@pytest.mark.parametrize(
    ("indices", "words"), [([3, 3], "repeat"), ([0], "labeled already"), ([-1], "in 0..9"), ([10], "in 0..9")]
)
def test_what_cannot_be_bought_is_refused(indices, words):
    pool = Pool(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64))
    pool.label(torch.tensor([0]))
    with pytest.raises(ValueError, match=words):
        pool.label(torch.tensor(indices))
    assert pool.labeled.tolist() == [0]


def test_an_example_of_no_class_costs_answers_and_is_never_trained_on():
    """Strangers leave the pool with their query, in its order, and each answer has the price of its example."""
    labels = torch.tensor([0, STRANGER, 1, STRANGER, 1, 0])
    prices = torch.tensor([1.0, 10.0, 100.0, 1000.0, 0.1, 0.2], dtype=torch.float64)
    pool = Pool(torch.zeros(6, 1, 2, 2, dtype=torch.uint8), labels, opinions=3, prices=prices)
    assert (pool.answers, pool.spent) == (0, 0.0)
    pool.label(torch.tensor([3, 4, 1]))
    assert (pool.labeled.tolist(), pool.strangers.tolist(), pool.unlabeled.tolist()) == ([4], [3, 1], [0, 2, 5])
    assert (pool.answers, pool.spent) == (9, pytest.approx(3 * 1010.1, abs=1e-9))
    pool.label(torch.tensor([5, 0]))
    assert (pool.labeled.tolist(), pool.strangers.tolist()) == ([4, 5, 0], [3, 1])
    assert pool.answers == 15
    with pytest.raises(ValueError, match="labeled already"):
        pool.label(torch.tensor([1]))
    other = Pool(pool.images, labels, opinions=3, prices=prices)
    other.label(torch.tensor([0, 1, 3, 4, 5]))
    assert other.spent == pool.spent


def test_answers_are_true_and_cost_one_each_unless_somebody_says_otherwise():
    pool = Pool(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    assert pool.truth is pool.labels
    pool.label(torch.tensor([2, 0]))
    assert (pool.answers, pool.spent) == (2, 2.0)
