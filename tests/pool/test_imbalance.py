"""Class sizes against a slow count, and which classes are rare."""

import math

import numpy as np
import pytest

from alrun.data.dataset import counts_of
from alrun.pool.classes import class_number, class_numbers
from alrun.pool.imbalance import LongTail, Natural, NoImbalance, Step
from alrun.system.errors import UserError
from tests.pool.made_data import made, positions, slow_counts


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_long_tail_has_the_sizes_of_its_source_where_classes_are_equal():
    """Cui et al.: img_max * imb_factor ** (class / (classes - 1)), as an int, with imb_factor = 1 / ratio."""
    data = made([500] * 10)
    pool = LongTail(100).unbalance(data, draws())
    expected = [int(500 * 0.01 ** (number / 9.0)) for number in range(10)]
    assert expected[0] == 500
    assert expected[-1] == 5
    assert sorted(slow_counts(pool.train_labels).values(), reverse=True) == expected
    assert pool.rare is not None
    assert sorted(slow_counts(pool.train_labels)[label] for label in pool.rare) == sorted(expected[-3:])
    assert (pool.test_labels == data.test_labels).all()


@pytest.mark.parametrize("ratio", [1, 2.5, 10, 40])
def test_a_long_tail_of_unequal_classes_is_as_large_as_they_allow(ratio):
    data = made([90, 300, 40, 160, 700])
    pool = LongTail(ratio, rare=["c1", 4]).unbalance(data, draws(3))
    counts = slow_counts(pool.train_labels)
    had = slow_counts(data.train_labels)
    assert pool.rare == (1, 4)
    order = sorted((0, 2, 3), key=lambda label: -counts[label]) if ratio > 1 else [0, 2, 3]
    order += [1, 4]
    largest = [n for n in np.arange(0, 800, 0.25) if all(n * ratio ** (-c / 4) <= had[order[c]] for c in range(5))][-1]
    for c, label in enumerate(order):
        assert abs(counts[label] - math.floor(largest * ratio ** (-c / 4))) <= 1
        assert counts[label] <= had[label]
    assert any(counts[label] == had[label] for label in order)


def test_rare_classes_keep_one_of_so_many_and_the_others_all():
    data = made([100, 55, 30, 200])
    pool = Step(10, rare=["c1", "c3"]).unbalance(data, draws())
    assert slow_counts(pool.train_labels) == {0: 100, 1: 5, 2: 30, 3: 20}
    assert pool.rare == (1, 3)
    assert positions(pool) == sorted(positions(pool))
    assert all(pool.train_labels == pool.train_images[:, 1])
    assert pool.rows.tolist() == positions(pool)
    assert Step(1, rare=[0]).unbalance(data, draws()).rare == (0,)  # a ratio of 1 is the control of larger ones


def test_which_classes_are_rare_and_which_examples_stay_is_a_matter_of_the_draws():
    data = made([60] * 8)
    found = [Step(10, rare=3).unbalance(data, draws(seed)) for seed in (0, 0, *range(1, 30))]
    assert positions(found[0]) == positions(found[1])
    assert found[0].rare == found[1].rare
    chosen = [label for pool in found[1:] for label in pool.rare]
    assert len(chosen) == 3 * 30
    assert set(chosen) == set(range(8))
    assert len({tuple(positions(pool)) for pool in found}) == 30


def test_strangers_stay_as_they_are():
    data = made([50, 50, 50, 20])
    labels = np.where(data.train_labels == 3, -2, data.train_labels)
    data = data.part(train_labels=labels, class_names=["a", "b", "c"], test_images=data.test_images[:18],
                     test_labels=data.test_labels[:18])  # fmt: skip
    for imbalance in (LongTail(5), Step(10, rare=1)):
        counts = slow_counts(imbalance.unbalance(data, draws()).train_labels)
        assert counts[-2] == 20
        assert min(counts.values()) in (10, 5)


def test_a_balanced_test_set_has_as_many_of_each_class_as_the_smallest():
    data = made([50, 20, 10])
    data = data.part(test=np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14]))
    assert slow_counts(data.test_labels) == {0: 6, 1: 4, 2: 3}
    pool = Natural("balanced", rare=1).unbalance(data, draws())
    assert slow_counts(pool.test_labels) == {0: 3, 1: 3, 2: 3}
    assert all(pool.test_labels == pool.test_images[:, 1])
    assert positions(pool) == positions(data)
    assert pool.rare == (2,)
    again = Natural("balanced", rare=["c2"]).unbalance(data, draws(5))
    assert (again.test_images == pool.test_images).all()
    as_is = Natural().unbalance(data, draws())
    assert as_is.rare is None
    assert as_is.test_images is data.test_images
    assert as_is.train_images is data.train_images


def test_no_imbalance_is_the_data_set_itself():
    data = made([5, 5])
    assert NoImbalance().unbalance(data, draws()) is data


@pytest.mark.parametrize(
    ("imbalance", "sizes", "words"),
    [
        (LongTail(1000), [50] * 4, r"imbalance.ratio=1000 leaves no example of the class c\d, which has 50: lower it"),
        (Step(60, rare=1), [50] * 4, r"imbalance.ratio=60 leaves no example of the class c\d"),
        (Step(2, rare=4), [50] * 4, "imbalance.rare: all 4 classes of the pool would be rare"),
        (LongTail(2, rare=[0, 1]), [50] * 2, "all 2 classes of the pool would be rare"),
        (LongTail(2), [50, 0], "all 1 classes of the pool would be rare"),
        (Natural(rare=3), [50, 20, 4], "all 3 classes of the pool would be rare"),
        (Step(2, rare=["d1"]), [50] * 4, "imbalance.rare: there is no class d1; choose from: c0"),
        (Step(2, rare=[4]), [50] * 4, "imbalance.rare: there is no class 4; the last of 4 is 3"),
        (Step(2, rare=["c1", 1]), [50] * 4, r"imbalance.rare=\[c1,1\] names a class twice"),
    ],
)
def test_what_cannot_be_is_one_sentence(imbalance, sizes, words):
    with pytest.raises(UserError, match=words):
        imbalance.unbalance(made(sizes), draws())


def test_a_class_without_examples_is_left_out_of_a_tail():
    pool = LongTail(5).unbalance(made([50, 0, 50, 50]), draws())
    assert sorted(slow_counts(pool.train_labels).values()) == [10, 22, 50]
    assert 1 not in slow_counts(pool.train_labels)
    assert pool.classes == 4


def test_classes_are_numbered_as_in_the_data_set_before_some_were_held_out():
    data = made([9, 9, 9]).part(class_names=["b", "c", "d"], numbers=(1, 2, 3))
    assert class_numbers([3, "b"], data, "k") == [2, 0]
    with pytest.raises(UserError, match="k: class 0 is held out by open_set: leave it out"):
        class_number(0, data, "k")
    with pytest.raises(UserError, match="k: there is no class 7; there are 1, 2, 3"):
        class_number(7, data, "k")
    assert counts_of(np.array([0, -2, 2, 2, -1]), 4).tolist() == [1, 0, 2, 0]
