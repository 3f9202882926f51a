"""Examples from another data set: which come from where, and under which class."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from alrun.data import tables
from alrun.pool.joined import mixed
from alrun.pool.shift import NoShift, ShiftedPool, ShiftedTest
from alrun.system.errors import UserError
from tests.pool.made_data import made, positions, slow_counts


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def renamed(data, names: list[str]):
    return data.part(class_names=names)


def test_the_test_split_comes_from_elsewhere_by_the_names_of_classes():
    data, other = made([10, 20, 30]), renamed(made([4, 4, 4], seed=1, start=1000), ["c2", "c0", "c1"])
    pool = ShiftedTest().shift(data, other, draws())
    assert pool.train_images is data.train_images
    assert pool.train_labels is data.train_labels
    assert pool.test_images is other.test_images
    for label, its in zip(pool.test_labels, other.test_labels, strict=True):
        assert data.class_names[label] == other.class_names[its]
    whole = ShiftedTest(whole=True).shift(data, other, draws())
    assert len(whole.test_labels) == 12 + 18
    assert sorted(whole.test_images[:, 0]) == sorted([*other.train_images[:, 0], *other.test_images[:, 0]])
    for row, label in zip(whole.test_images, whole.test_labels, strict=True):
        assert data.class_names[label] == other.class_names[int(row[1])]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_pool_is_replaced_where_it_is(share):
    data, other = made([20, 30]), renamed(made([40, 40], seed=1, start=1000), ["c1", "c0"])
    before = data.train_images.copy()
    pool = ShiftedPool(share).shift(data, other, draws())
    assert (data.train_images == before).all()
    assert len(pool.train_labels) == 50
    moved = [position >= 1000 for position in positions(pool)]
    assert sum(moved) == round(50 * share)
    for place, (row, label) in enumerate(zip(pool.train_images, pool.train_labels.tolist(), strict=True)):
        if moved[place]:
            assert label == 1 - int(row[1])
        else:
            assert (row == before[place]).all()
            assert label == int(row[1])
    assert len(set(positions(pool))) == 50
    assert pool.rows is None or pool.rows.tolist() == [-1 if its else at for at, its in enumerate(moved)]
    assert pool.test_images is data.test_images
    assert pool.test_groups is None


def test_both_test_splits_are_two_groups():
    data, other = made([20, 30]), made([40, 40], seed=1, start=1000, tested=4)
    pool = ShiftedPool(0.5, test="both").shift(data, other, draws())
    assert slow_counts(pool.test_groups) == {"dataset": 12, "shift.dataset": 8}
    for row, group, label in zip(pool.test_images, pool.test_groups, pool.test_labels, strict=True):
        assert (row[0] <= -1001) == (group == "shift.dataset")
        assert label == row[1]


def test_draws_decide_and_no_shift_is_the_data_set_itself():
    data, other = made([20, 30]), made([40, 40], seed=1, start=1000)
    first, again, others = (positions(ShiftedPool(0.5).shift(data, other, draws(seed))) for seed in (0, 0, 1))
    assert first == again
    assert first != others
    assert NoShift().shift(data, None, draws()) is data


@pytest.mark.parametrize(
    ("shift", "other", "words"),
    [
        (ShiftedTest(), None, "shift=test takes examples of another data set: name one"),
        (
            ShiftedPool(0.9),
            made([5, 5]),
            "shift.share=0.9 of the pool are 27 examples, and .* has 10 .* to 0.333 or less",
        ),
        (ShiftedTest(), made([5, 5, 5]), r"shift.dataset: the class c2 is not one of the data set's \(c0, c1\)"),
        (ShiftedPool(0.1), renamed(made([5, 5]), ["x", "y"]), "shift.dataset: the class . is not one of"),
        (ShiftedTest(), made([5, 5], tested=0), "shift.dataset has no test split: add shift.whole=true"),
    ],
)
def test_what_cannot_be_is_one_sentence(shift, other, words):
    with pytest.raises(UserError, match=words):
        shift.shift(made([15, 15]), other, draws())


def test_two_arrays_are_mixed_by_position():
    assert mixed(np.array([1, 2, 3]), np.array([8, 9]), np.array([0, 3])).tolist() == [8, 1, 2, 9, 3]


def test_another_table_is_standardized_by_the_pool_as_by_scikit_learn(tmp_path):
    numbers = np.random.default_rng(0)
    frames = []
    for place, center in (("here", 0.0), ("there", 40.0)):
        rows = numbers.normal(center, 5 + center, (60, 2))
        frame = pd.DataFrame(rows, columns=["a", "b"]).assign(
            label=["x", "y"] * 30, split=["train"] * 40 + ["test"] * 20
        )
        frame.to_csv(tmp_path / f"{place}.csv", index=False)
        frames.append(frame[["a", "b"]].to_numpy())
    scaler = StandardScaler().fit(frames[0][:40])
    here = tables.table("", str(tmp_path / "here.csv"))
    for standardize in (True, False):
        there = tables.table("", str(tmp_path / "there.csv"), standardize=standardize)
        pool = ShiftedTest().shift(here, there, draws())
        np.testing.assert_allclose(pool.test_images, scaler.transform(frames[1][40:]), rtol=1e-4, atol=1e-4)
    raw = tables.table("", str(tmp_path / "here.csv"), standardize=False)
    pool = ShiftedTest().shift(raw, tables.table("", str(tmp_path / "there.csv")), draws())
    np.testing.assert_allclose(pool.test_images, frames[1][40:], rtol=1e-4)
