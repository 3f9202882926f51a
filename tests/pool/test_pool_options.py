"""Redundancy, caps and seed sets, against plain loops on small pools."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from alrun.data.dataset import STRANGER, ImageData
from alrun.features.encoders import Module
from alrun.loop.components import build_parts, build_pool
from alrun.pool.per_class_cap import PerClassCap
from alrun.pool.pool import Pool
from alrun.pool.redundancy import AugmentedDuplicate, Duplicate
from alrun.strategies.embeddings import FromFeatures
from alrun.strategies.seed_set import BalancedSeedSet, EveryClassSeedSet, RandomSeedSet, RepresentativeSeedSet
from alrun.system.errors import UserError

COUNT = 300


def arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images that tell their position by their first pixel, of classes of unequal size."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 256, (COUNT, 1, 8, 8), dtype=np.uint8)
    return images, rng.choice(4, COUNT, p=[0.5, 0.3, 0.15, 0.05])


@pytest.mark.parametrize("kind", [Duplicate, AugmentedDuplicate])
@pytest.mark.parametrize("factor", [2, 5, 10, 20])
def test_each_class_repeats_a_part_of_itself_and_keeps_its_size(kind, factor):
    images, labels = arrays()
    made, source, unique = kind(factor, unique=60).apply(images, labels, np.random.default_rng(3))
    assert made.shape == images.shape
    assert unique.sum() == 60
    assert (source[unique] == np.flatnonzero(unique)).all()
    assert (labels[source] == labels).all()
    for label in range(4):
        part = source[(labels == label) & ~unique]
        counts = np.bincount(part, minlength=COUNT)[np.unique(part)]
        assert len(counts) == math.ceil(len(part) / factor)
        assert counts.max() - counts.min() <= 1
    originals = source == np.arange(COUNT)
    assert (made[originals] == images[originals]).all()
    if kind is Duplicate:
        assert (made == images[source]).all()


def test_altered_copies_are_shifts_of_their_source_and_differ_among_themselves():
    images, labels = arrays()
    kind = AugmentedDuplicate(10, unique=60, padding=1, max_translate=0.125)  # up to two pixels in all
    made, source, _ = kind.apply(images, labels, np.random.default_rng(3))
    copies = np.flatnonzero(source != np.arange(COUNT))
    assert len(copies) > 150
    moves = set()
    for copy in copies:
        padded = np.pad(images[source[copy], 0], 2)
        fits = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if (made[copy, 0][1:-1, 1:-1] == padded[top : top + 8, left : left + 8][1:-1, 1:-1])[
                made[copy, 0][1:-1, 1:-1] > 0
            ].all()
        ]
        assert fits
        moves.update(fits if len(fits) == 1 else [])
    assert len(moves) > 15


def test_redundancy_depends_on_the_initial_seed_alone(composed):
    made = []
    for overrides in (("seed=0",), ("initial_seed=0", "seed=1", "strategy=random"), ("seed=1",)):
        cfg = composed("redundancy=augment", "redundancy.unique=200", "runtime.device=cpu", *overrides)
        cpu = torch.device("cpu")
        pool, seed_set = build_pool(cfg, build_parts(cfg, cpu).data, cpu)
        made.append((pool.images, seed_set))
    assert made[0][0].equal(made[1][0])
    assert made[0][1].equal(made[1][1])
    assert not made[0][0].equal(made[2][0])


def test_the_seed_set_is_taken_from_what_stays_unique(composed):
    cpu = torch.device("cpu")
    settings = ("redundancy=duplicate", "redundancy.factor=20", "runtime.device=cpu", "budget.total=100")
    cfg = composed(*settings, "redundancy.unique=40", "budget.seed_size=40")
    data = build_parts(cfg, cpu).data
    pool, seed_set = build_pool(cfg, data, cpu)
    flat = pool.images.flatten(1)
    assert all((flat == flat[i]).all(1).sum() == 1 for i in seed_set)
    assert len((flat == flat[seed_set[0] - 1]).all(1).nonzero()) >= 1
    assert len(flat.unique(dim=0)) < 40 + len(flat) / 20 + 10 + 1
    with pytest.raises(UserError, match=r"budget.seed_size=40, but only 39 examples stay unique"):
        build_pool(composed(*settings, "redundancy.unique=39", "budget.seed_size=40"), data, cpu)


def features(data: ImageData, rows: np.ndarray, normalize: bool = True) -> FromFeatures:
    """Embeddings by an encoder that makes ``rows`` of ``data``."""
    encoder = Module(nn.Identity())
    found = FromFeatures(encoder, normalize)
    found.prepare(data, lambda asked: rows if asked is encoder else rows[:0])
    return found


@pytest.mark.parametrize("redundancy", ["none", "duplicate redundancy.unique=100", "augment redundancy.unique=100"])
def test_features_follow_the_images_that_redundancy_moves(composed, redundancy):
    cpu = torch.device("cpu")
    cfg = composed(*f"redundancy={redundancy}".split(), "budget.total=40", "runtime.device=cpu")
    data = build_parts(cfg, cpu).data
    made, _ = build_pool(cfg, data, cpu)
    rows = features(data, data.train_images.reshape(len(data.train_images), -1), normalize=False).whole(made, 100)
    shown = (made.images.flatten(1) == rows).all(1)
    assert shown.all() if "augment" not in redundancy else 100 < shown.sum() < len(shown)
    assert torch.from_numpy(data.train_labels)[made.source].equal(made.labels)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ("redundancy=duplicate", "redundancy.factor=1"),
            "redundancy.factor=1 is not possible: give a whole number of 2 or more",
        ),
        (("redundancy=duplicate",), "redundancy.unique=5500 is more than the 1297 examples of the pool"),
        (
            ("redundancy=augment", "redundancy.max_translate=2"),
            "redundancy.max_translate=2 is not possible: give a number from 0 to 1",
        ),
        (
            ("per_class_cap=c1000", "per_class_cap.limit=0"),
            "per_class_cap.limit=0 is not possible: give a whole number of 1 or more",
        ),
        (
            ("imbalance=step", "imbalance.rare=0"),
            "imbalance.rare=0 is not possible: give a whole number of 1 or more, or",
        ),
        (
            ("imbalance=long_tail", "imbalance.ratio=0.5"),
            "imbalance.ratio=0.5 is not possible: give a number of 1 or more",
        ),
        (
            ("open_set=held_out", "open_set.share=1"),
            "open_set.share=1 is not possible: give a number of 0 or more and bel",
        ),
        (
            ("open_set=held_out", "open_set.classes=9"),
            "open_set.classes leaves 1 of the 10 classes of the pool, and two or more must be known: hold out 8",
        ),
        (
            ("open_set=held_out", "open_set.classes=[0,1,2,3,4,5,6,7]", "open_set.share=0.95", "budget.seed_size=60"),
            "budget.seed_size=60, but only 55 examples belong to a class: lower it.",
        ),
        (
            ("imbalance=long_tail", "budget.total=1000"),
            "budget.total=1000 is more than the 362 examples of the pool: try",
        ),
        (("shift=test",), "shift=test takes examples of another data set: name one, as by dataset@shift.dataset="),
        (("seed_set=balanced", "budget.seed_size=1290", "budget.total=1290"), "asks for 129 examples of class"),
        (("seed_set=facility_location", "seed_set.function=best"), "seed_set.function=best is not possible"),
    ],
)
def test_what_cannot_be_is_refused(composed, overrides, words):
    cfg = composed(*overrides, "runtime.device=cpu")
    cpu = torch.device("cpu")
    with pytest.raises(UserError, match=words):
        build_pool(cfg, build_parts(cfg, cpu).data, cpu)


def pool() -> Pool:
    images, labels = arrays()
    return Pool(torch.from_numpy(images), torch.from_numpy(labels))


def test_a_cap_counts_the_first_of_each_class_beside_the_seed_set():
    full = pool()
    seed_set = torch.arange(0, 300, 7)
    mask = PerClassCap(20).queryable(full.labels, seed_set)
    free = [i for i in range(COUNT) if i not in set(seed_set.tolist())]
    expected = set()
    for label in range(4):
        expected.update([i for i in free if full.labels[i] == label][:20])
    assert set(mask.nonzero().flatten().tolist()) == expected


def test_a_balanced_seed_set_is_the_first_of_every_class():
    full, draws = pool(), torch.Generator()
    candidates = torch.arange(50, COUNT)
    chosen = BalancedSeedSet().choose(full, candidates, 18, draws, 100)
    expected = []
    for label, share in enumerate((5, 5, 4, 4)):  # 18 among 4
        expected += [i for i in candidates.tolist() if full.labels[i] == label][:share]
    assert chosen.tolist() == expected
    random = RandomSeedSet().choose(full, candidates, 100, draws.manual_seed(0), 100)
    assert len(random.unique()) == 100
    assert random.min() >= 50


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("function", ["facility_location", "dispersion_min"])
def test_representative_seed_sets_equal_plain_greedy_choice(function, per_class):
    """The objective and every step's choice, in float64 and without lazy evaluation."""
    full, candidates = pool(), torch.arange(0, COUNT, 2)
    images, labels = arrays()
    rows = np.random.default_rng(1).normal(size=(COUNT, 10)).astype(np.float32)
    embeddings = features(ImageData(images, labels, images[:2], labels[:2]), rows, normalize=False)
    chosen = RepresentativeSeedSet(function, embeddings, per_class).choose(full, candidates, 12, torch.Generator(), 100)
    assert len(chosen.unique()) == 12
    x = embeddings.whole(full, 100).double()
    groups = [candidates[full.labels[candidates] == c] for c in range(4)] if per_class else [candidates]
    expected = []
    for members in groups:
        points = x[members]
        picked: list[int] = []
        unit = points / points.norm(dim=1, keepdim=True)
        similarity = (1 + unit @ unit.T) / 2
        distance = torch.cdist(points, points)
        start = distance[points.norm(dim=1).argmin()]
        for _ in range(12 // len(groups)):
            if function == "facility_location":
                now = similarity[:, picked].max(1).values if picked else torch.zeros(len(points)).double()
                gains = torch.maximum(similarity, now[:, None]).sum(0)
            else:
                gains = torch.minimum(distance[picked].min(0).values, start) if picked else start.clone()
            gains[picked] = -1
            picked.append(int(gains.argmax()))
        expected += members[picked].tolist()
    assert chosen.tolist() == expected


def test_strangers_have_no_cap_and_no_place_in_the_seed_set():
    _, labels = arrays()
    strange = np.where(labels == 0, STRANGER, labels)
    seed_set = torch.arange(200, 210)
    mask = PerClassCap(8).queryable(torch.from_numpy(strange), seed_set)
    free = np.ones(COUNT, bool)
    free[200:210] = False
    assert mask[torch.from_numpy(strange == STRANGER)].numpy().tolist() == free[strange == STRANGER].tolist()
    for label in (1, 2, 3):
        assert mask[torch.from_numpy(strange == label)].sum() == min(8, ((strange == label) & free).sum())


@pytest.mark.parametrize("each", [1, 3])
def test_every_class_is_in_the_seed_set(each):
    full = pool()
    candidates = torch.arange(0, COUNT, 2)
    labels = full.labels[candidates].tolist()
    seen = set()
    for seed in range(5):
        chosen = EveryClassSeedSet(each).choose(full, candidates, 14, torch.Generator().manual_seed(seed), 100)
        assert len(chosen.unique()) == 14
        assert set(chosen.tolist()) <= set(candidates.tolist())
        for label in range(4):
            assert (full.labels[chosen] == label).sum() >= min(each, labels.count(label))
        seen.add(tuple(chosen.tolist()))
    assert len(seen) == 5
    with pytest.raises(UserError, match=r"seed_set.each=9 of every class are .* more than budget.seed_size=14"):
        EveryClassSeedSet(9).choose(full, candidates, 14, torch.Generator(), 100)
