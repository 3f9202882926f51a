"""Pools of runs: one order, draws by the initial seed, on images and on features, recorded, and refused for people."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from alrun.analysis import run_reader
from alrun.data.dataset import STRANGER
from alrun.loop import opened, pools
from alrun.loop.components import build_parts, build_pool
from alrun.pool.imbalance import Step
from alrun.pool.open_set import HeldOut
from alrun.pool.shift import ShiftedPool
from alrun.runs import portable
from alrun.runs.finished import altered_results, restore_tables
from alrun.runs.state import RunState
from alrun.settings import identity
from alrun.system import rng
from alrun.system.errors import UserError
from tests.conftest import QUIET, SMALL
from tests.pool.made_data import slow_counts

CPU = torch.device("cpu")
CLASSES = 5


@pytest.fixture
def stored(tmp_path):
    """Two files of vectors whose first column tells where a row comes from: below 1000 the first, above the second."""
    opened._last.clear()
    paths = []
    for number, count in enumerate((200, 150)):
        draws = np.random.default_rng(number)
        labels = draws.permutation(np.arange(count) % CLASSES)
        rows = draws.normal(size=(count, 4)).astype(np.float32)
        rows[:, 0] = 1000 * number + np.arange(count)
        rows[:, 1:] += 3 * np.eye(CLASSES)[labels][:, :3]
        names = np.array([f"c{label}" for label in labels])
        first = count - 50
        arrays = {"train_features": rows[:first], "train_labels": names[:first]}
        np.savez(path := tmp_path / f"{number}.npz", **arrays, test_features=rows[first:], test_labels=names[first:])
        paths.append(path)
    yield paths
    opened._last.clear()


def settings(stored) -> list[str]:
    one, other = stored
    return [
        *("dataset=features", f"dataset.path={one}", *QUIET),
        *("shift=pool", "dataset@shift.dataset=features", f"shift.dataset.path={other}", "shift.share=0.4"),
        *("shift.test=both", "open_set=held_out", "open_set.classes=2", "imbalance=step", "imbalance.rare=1"),
        *("imbalance.ratio=4", "budget.seed_size=10", "budget.batch_size=10", "budget.total=30"),
    ]


def test_the_order_is_shift_open_set_imbalance_then_cap_redundancy_and_seed_set(composed, stored):
    """The steps one by one, each drawn in a stream of its own, against what the settings make."""
    cap = ("per_class_cap=c1000", "per_class_cap.limit=7", "seed_set=random")
    copies = ("redundancy=duplicate", "redundancy.factor=2", "redundancy.unique=40")
    cfg = composed(*settings(stored), *cap, *copies, "seed=3")
    one, other = (
        build_parts(composed("dataset=features", f"dataset.path={path}", *QUIET), CPU).data for path in stored
    )

    def draws(name: str) -> np.random.Generator:
        return np.random.default_rng(rng.derive(3, name))

    expected = ShiftedPool(0.4, test="both").shift(one, other, draws("shift"))
    expected = HeldOut(2).open(expected, None, draws("open_set"))
    expected = Step(4, rare=1).unbalance(expected, draws("imbalance"))
    data = build_parts(cfg, CPU).data
    for name in ("train_images", "train_labels", "test_images", "test_labels", "test_groups"):
        assert (getattr(data, name) == getattr(expected, name)).all(), name
    assert (data.class_names, data.rare, data.numbers) == (expected.class_names, expected.rare, expected.numbers)
    pool, seed_set = build_pool(cfg, data, CPU)
    assert (pool.labels[seed_set] != STRANGER).all()
    assert pool.queryable is not None
    free = pool.queryable.clone()
    free[seed_set] = False
    counts = slow_counts(pool.labels[free].numpy())
    assert all(counts[label] <= 7 for label in range(3))  # the cap is of classes ...
    strangers = int((pool.labels == STRANGER).sum())
    assert counts[STRANGER] == strangers > 7  # ... and strangers have none
    assert len(pool.images[:, 0].unique()) < len(pool.images)  # copies, of strangers too
    assert pool.source is not None
    assert pool.labels.equal(torch.from_numpy(data.train_labels)[pool.source])


def test_a_pool_depends_on_the_initial_seed_and_its_settings_alone(composed, stored):
    made = [
        build_parts(composed(*settings(stored), *more), CPU)
        for more in (["seed=1"], ["seed=2", "initial_seed=1", "strategy=random"], ["seed=2"])
    ]
    images = [parts.data.train_images.tolist() for parts in made]
    assert images[0] == images[1]
    assert images[0] != images[2]
    assert len({parts.data_id for parts in made}) == 1  # repeats saw one source


def test_what_is_opened_is_shared_and_stays_as_it_is(composed, stored):
    cfg = composed(*settings(stored))
    build_parts(cfg, CPU)
    whole = {name: each.data.fingerprint() for name, (_, each) in opened._last.items()}
    assert set(whole) == {"dataset", "shift.dataset"}
    kept = dict(opened._last)
    build_parts(composed(*settings(stored), "seed=5"), CPU)
    assert all(opened._last[name][1] is kept[name][1] for name in kept)
    assert {name: each.data.fingerprint() for name, (_, each) in opened._last.items()} == whole


@pytest.mark.parametrize("change", ["imbalance.ratio=3", "open_set.classes=1", "shift.share=0.3", "seed=1"])
def test_the_first_model_is_of_one_pool(composed, stored, change):
    before, after = (identity.first_model_id(composed(*settings(stored), *more)) for more in ((), (change,)))
    assert before != after


def test_the_content_of_the_other_data_set_names_a_run_and_its_place_does_not(composed, stored, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "1.npz").write_bytes(stored[1].read_bytes())
    outputs = f"paths.outputs={tmp_path / 'outputs'}"

    def name(path) -> str:
        return composed(*settings((stored[0], path)), outputs, hydra=True).hydra.run.dir

    assert name(stored[1]) == name(moved / "1.npz")
    np.savez(moved / "1.npz", **{**np.load(stored[1]), "extra": np.zeros(1)})
    assert name(stored[1]) != name(moved / "1.npz")


def test_a_data_set_beside_that_of_the_run_sets_neither_network_nor_augmentation(composed):
    for words in ("dataset=digits", "dataset=mnist", "dataset=cifar10 encoder=torchvision"):
        alone = composed(*words.split())
        beside = composed(*words.split(), "shift=test", "dataset@shift.dataset=image_folder", "open_set=dataset",
                          "dataset@open_set.dataset=cifar100")  # fmt: skip
        for key in ("model", "augmentation", "optimizer", "training", "budget"):
            assert alone[key] == beside[key], (words, key)


def test_classes_are_given_by_name_and_the_rare_ones_as_rare(composed, stored):
    strategy = ("strategy=smi", "strategy.query_classes=rare")
    parts = build_parts(composed(*settings(stored), *strategy), CPU)
    assert parts.strategy.query_classes == list(parts.data.rare)
    with pytest.raises(UserError, match="query_classes=rare: no class is rare: add imbalance"):
        build_parts(composed("dataset=features", f"dataset.path={stored[0]}", *strategy, *QUIET), CPU)


def test_validation_is_held_out_of_the_pool_as_it_is_made(composed, stored):
    data = build_parts(composed(*settings(stored), "validation=8"), CPU).data
    whole = build_parts(composed(*settings(stored)), CPU).data
    held = set(data.test_images[:, 0].tolist())
    assert len(data.test_labels) == 8
    assert data.test_labels.min() >= 0
    assert data.test_groups is None
    assert held.isdisjoint(data.train_images[:, 0].tolist())
    assert held <= set(whole.train_images[whole.train_labels >= 0][:, 0].tolist())
    assert data.classes == whole.classes == 3


def test_images_are_shaped_too_and_the_run_says_so(complete, composed):
    words = ("imbalance=long_tail", "imbalance.ratio=5", "strategy=random", "limit=300")
    run_dir = complete(*words)
    about = json.loads((run_dir / "run.json").read_text())
    data = build_parts(composed(*words, *QUIET), CPU).data
    counts = slow_counts(data.train_labels)
    assert about["dataset"]["pool"]["train_of_class"] == [counts[label] for label in range(10)]
    assert about["dataset"]["pool"]["rare"] == [str(label) for label in data.rare]
    assert about["dataset"]["train"] == len(data.train_labels) < 300
    assert about["options"]["imbalance"] == "long_tail"
    assert about["settings"]["imbalance"] == {"_target_": "LongTail", "ratio": 5, "rare": None}
    labeled = pd.read_csv(run_dir / "per_class.csv").query("round == 2")["labeled"]
    assert labeled.sum() == 60


@pytest.mark.parametrize("group", ["imbalance=natural", "open_set=held_out", "shift=test"])
def test_what_people_label_is_not_shaped(composed, stored, group):
    data = build_parts(composed("dataset=features", f"dataset.path={stored[0]}", *QUIET), CPU).data
    unlabeled = data.part(train_labels=np.full(len(data.train_labels), -1))
    with pytest.raises(UserError, match=rf"{group} reads labels of the whole pool, .*: use {group[:4]}\w+=none"):
        pools.shaped(composed(group), unlabeled, CPU)


def test_accuracy_is_recorded_for_each_group_of_test_examples(complete, composed, stored):
    """Against predictions of the last model, one by one; the table is read, packed and rebuilt."""
    words = [word for word in settings(stored) if not word.startswith("budget.")]
    run_dir = complete(*words, "strategy=random")
    table = pd.read_csv(run_dir / "per_group.csv")
    assert table["round"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["group"].tolist() == ["dataset", "shift.dataset"] * 3
    state = RunState.load(run_dir)
    parts = build_parts(composed(*SMALL, *QUIET, *words, "strategy=random"), CPU)
    parts.model.load_state_dict(state.weights)
    parts.model.eval()
    right: dict[str, list[bool]] = {}
    for row, label, group in zip(parts.data.test_images, parts.data.test_labels, parts.data.test_groups, strict=True):
        with torch.no_grad():
            predicted = int(parts.model(torch.from_numpy(row)[None]).argmax())
        right.setdefault(str(group), []).append(predicted == label)
    expected = {group: sum(each) / len(each) for group, each in right.items()}
    assert state.rounds[-1].group_accuracy == pytest.approx(expected)
    assert sum(map(sum, right.values())) > 0
    (*_, last) = run_reader.read_run(run_dir)
    assert json.loads(last["group_accuracy"]) == pytest.approx(expected, abs=1e-5)
    before = (run_dir / "per_group.csv").read_bytes()
    assert altered_results(run_dir) == []
    (run_dir / "per_group.csv").write_text("")
    assert altered_results(run_dir) == ["per_group.csv"]
    restore_tables(run_dir)
    assert (run_dir / "per_group.csv").read_bytes() == before
    assert [each.group_accuracy for each in portable.read_records(run_dir)] == [
        each.group_accuracy for each in state.rounds
    ]


def test_strangers_are_paid_for_and_neither_trained_on_nor_tested_on(complete, stored):
    """A run of which a half of the answers are "none of these", and what it records, against the true labels."""
    words = [word for word in settings(stored) if not word.startswith(("budget.", "imbalance"))]
    run_dir = complete(*words, "open_set.share=0.5", "strategy=margin")
    state = RunState.load(run_dir)
    about = json.loads((run_dir / "run.json").read_text())
    assert about["dataset"]["pool"]["strangers"] > 20
    assert len(about["dataset"]["class_names"]) == 3
    answers = [len(torch.cat(state.queries[: number + 1])) for number in range(len(state.queries))]
    for record, count in zip(state.rounds, answers, strict=True):
        assert record.answers == count
        assert len(record.class_labeled) == len(record.class_accuracy) == 3
        assert sum(record.class_labeled) == record.labeled <= count
    assert state.rounds[-1].labeled < answers[-1]
    assert state.rounds[0].labeled == answers[0] == 20  # the seed set is of known classes
