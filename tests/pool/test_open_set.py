"""Strangers: exact counts, what is left of the classes, and that nothing of a held-out class leaks."""

import numpy as np
import pytest

from alrun.data.dataset import STRANGER
from alrun.pool.open_set import FromDataset, HeldOut, NoStrangers, thinned
from alrun.system.errors import UserError
from tests.pool.made_data import made, positions, slow_counts


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def true_name(row: np.ndarray) -> str:
    return f"c{int(row[1])}"


@pytest.mark.parametrize("share", [None, 0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("classes", [2, ["c1", 4]])
def test_nothing_of_a_held_out_class_leaks_into_training_or_test(classes, share):
    data = made([30, 25, 40, 20, 35])
    pool = HeldOut(classes, share).open(data, None, draws(1))
    assert pool.classes == 3
    held = {f"c{number}" for number in range(5)} - set(pool.class_names)
    assert len(held) == 2
    if classes != 2:
        assert held == {"c1", "c4"}
    for row, label in zip(pool.train_images, pool.train_labels.tolist(), strict=True):
        assert (label == STRANGER) == (true_name(row) in held)
        assert label == STRANGER or pool.class_names[label] == true_name(row)
    for row, label in zip(pool.test_images, pool.test_labels.tolist(), strict=True):
        assert pool.class_names[label] == true_name(row)
    assert len(pool.test_labels) == 3 * 6
    assert set(pool.test_labels.tolist()) == {0, 1, 2}
    assert positions(pool) == sorted(positions(pool))
    if share is None:
        assert pool.train_images is data.train_images  # no copy of the examples
        assert len(pool.train_labels) == 150
    else:
        counts = slow_counts(pool.train_labels)
        strangers, total = counts.get(STRANGER, 0), sum(counts.values())
        assert abs(strangers - share * total) <= 1
        had = sum(slow_counts(data.train_labels)[int(name[1])] for name in held)
        assert strangers == had or total - strangers == 150 - had  # one part is whole


def test_the_data_set_that_was_opened_stays_as_it_was():
    data = made([10, 10, 10])
    before = data.train_labels.copy()
    HeldOut(1).open(data, None, draws())
    assert (data.train_labels == before).all()
    assert data.classes == 3


def test_classes_without_names_get_their_numbers_as_names():
    pool = HeldOut([0, 2]).open(made([5, 6, 7, 8], names=False), None, draws())
    assert pool.class_names == ["1", "3"]
    assert pool.numbers == (1, 3)
    assert slow_counts(pool.train_labels) == {0: 6, 1: 8, STRANGER: 12}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_another_data_set_is_the_strangers_at_random_positions(share):
    data, other = made([30, 20]), made([400, 200], seed=1, start=1000)
    pool = FromDataset(share).open(data, other, draws())
    strange = [position >= 1000 for position in positions(pool)]
    assert sum(strange) == round(50 * share / (1 - share))
    assert [label == STRANGER for label in pool.train_labels.tolist()] == strange
    own = [position for position in positions(pool) if position < 1000]
    assert own == list(range(50))
    assert pool.rows.tolist() == [-1 if position >= 1000 else position for position in positions(pool)]
    for row, label in zip(pool.train_images, pool.train_labels.tolist(), strict=True):
        assert label in (STRANGER, int(row[1]))
    assert len(set(positions(pool))) == len(strange)
    assert pool.test_images is data.test_images
    where = np.flatnonzero(strange).mean() / len(strange)
    assert 0.2 < where < 0.8


def test_draws_decide():
    data, other = made([30, 20, 10, 10, 10]), made([400, 200], seed=1, start=1000)
    for open_set in (HeldOut(2), HeldOut(2, 0.3), FromDataset(0.5)):
        first, again, others = (open_set.open(data, other, draws(seed)) for seed in (0, 0, 1))
        assert (first.train_images[:, 0].tolist(), first.class_names) == (positions(again), again.class_names)
        assert (positions(first), first.class_names) != (positions(others), others.class_names)


def test_no_strangers_is_the_data_set_itself():
    data = made([5, 5])
    assert NoStrangers().open(data, None, draws()) is data
    assert FromDataset(0.0).open(data, made([3, 3]), draws()) is data


def test_the_smaller_part_stays_whole():
    strange = np.arange(100) < 20
    chosen = thinned(strange, 0.5, draws())
    assert strange[chosen].sum() == 20
    assert len(chosen) == 40
    chosen = thinned(strange, 0.1, draws())
    assert len(chosen) - strange[chosen].sum() == 80
    assert strange[chosen].sum() == round(80 / 9)
    assert not strange[thinned(strange, 0.0, draws())].any()


@pytest.mark.parametrize(
    ("open_set", "words"),
    [
        (HeldOut(4), "open_set.classes leaves 0 of the 4 classes of the pool: hold out 2 at most"),
        (HeldOut(["c0", "c1", "c2"]), "open_set.classes leaves 1 of the 4 classes"),
        (HeldOut(["c9"]), "open_set.classes: there is no class c9"),
        (HeldOut(2, 0.9999), "open_set.share=0.9999 leaves no example of a class: lower it"),
        (FromDataset(0.9), "open_set.share=0.9 of the pool are 180 examples, and .* lower it to 0.667"),
    ],
)
def test_what_cannot_be_is_one_sentence(open_set, words):
    with pytest.raises(UserError, match=words):
        open_set.open(made([5, 5, 5, 5]), made([20, 20]), draws())


def test_other_shapes_are_refused():
    other = made([20, 20])
    wide = other.part(train_images=np.zeros((40, 3), np.float32), test_images=np.zeros((12, 3), np.float32))
    with pytest.raises(UserError, match=r"open_set.dataset holds vectors \(float32\) of shape \(3,\), the data set"):
        FromDataset(0.5).open(made([5, 5]), wide, draws())
    with pytest.raises(UserError, match="open_set=dataset takes examples of another data set: name one"):
        FromDataset(0.5).open(made([5, 5]), None, draws())
