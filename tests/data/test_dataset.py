import numpy as np
import pytest

from alrun.data import card
from alrun.data.dataset import STRANGER, Chosen, ImageData, channel_statistics
from alrun.system.errors import UserError


def arrays(train: int = 12, test: int = 6, channels: int = 3, size: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(train + test, channels, size, size), dtype=np.uint8)
    labels = np.arange(train + test) % 3
    return [images[:train], labels[:train], images[train:], labels[train:]]


def test_statistics_equal_numpys_in_float64():
    data = ImageData(*arrays())
    pixels = data.train_images.astype(np.float64) / 255
    assert np.allclose(data.mean, pixels.mean((0, 2, 3)), rtol=0, atol=1e-6)
    assert np.allclose(data.std, pixels.std((0, 2, 3)), rtol=0, atol=1e-6)
    assert (data.classes, data.channels, data.image_size) == (3, 3, (5, 5))


def test_a_constant_channel_has_a_spread_to_divide_by():
    assert channel_statistics(np.full((4, 1, 2, 2), 255, np.uint8)) == ([1.0], [1.0])


@pytest.mark.parametrize("which", range(4))
def test_the_fingerprint_sees_every_array(which):
    before = ImageData(*arrays()).fingerprint()
    assert ImageData(*arrays()).fingerprint() == before
    changed = [array.copy() for array in arrays()]
    changed[which].flat[-1] ^= 1
    assert ImageData(*changed).fingerprint() != before


def altered(which: int, change) -> list[np.ndarray]:
    made = arrays()
    made[which] = change(made[which])
    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (altered(0, lambda a: a / 255), "training examples are float64"),
        (altered(2, lambda a: a[:, 0]), r"test examples are uint8 of shape \(6, 5, 5\)"),
        (altered(1, lambda a: a[:-1]), "12 training images but 11 labels"),
        (altered(3, lambda a: a - 1), "test labels must be one integer an example, from 0 up"),
        (altered(1, lambda a: a + 0.5), "training labels must be one integer an example, from 0 up, not float64"),
        (altered(1, lambda a: a[:, None]), r"one integer an example, .* shape \(12, 1\)"),
        (altered(2, lambda a: a[..., :4]), "store both splits alike"),
        ([a * 0 if a.ndim == 1 else a for a in arrays()], "all labels are 0"),
        ([a[:0] for a in arrays()], "0 training images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_do_not_fit_are_refused(made, words):
    with pytest.raises(UserError, match=words):
        ImageData(*made)


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.5], [0.2]), ([0.5] * 3, None), (0.5, [0.2] * 3), (["a"] * 3, [0.2] * 3), ([0.5] * 3, [0.0] * 3)],
)
def test_normalization_must_have_a_number_for_every_channel(mean, std):
    with pytest.raises(UserError, match=r"dataset.mean=.*3 channels"):
        ImageData(*arrays(), mean=mean, std=std)


def test_a_trial_takes_evenly_spaced_examples_and_keeps_the_rest():
    whole = ImageData(*arrays(train=12, test=6))
    part = whole.thinned(5, 5)
    assert np.array_equal(part.train_images, whole.train_images[[0, 2, 5, 8, 11]])
    assert np.array_equal(part.test_labels, whole.test_labels[[0, 1, 2, 3, 5]])
    assert (part.classes, part.mean, part.std) == (whole.classes, whole.mean, whole.std)
    assert np.array_equal(whole.thinned(10, 6).test_images, whole.test_images)


def test_an_example_knows_its_row_in_the_split_as_it_was_read():
    """What a file says of each example, such as its price, is found by the row, whatever was left out before."""
    whole = ImageData(*arrays(train=12, test=6))
    assert whole.rows_read.tolist() == list(range(12))
    kept = whole.thinned(9, 6).held_out(3, np.random.default_rng(0))
    assert len(set(kept.rows_read.tolist())) == 6
    assert np.array_equal(kept.train_images, whole.train_images[kept.rows_read])


def test_strangers_are_neither_unlabeled_nor_a_class():
    images, labels, *test = arrays(train=12, test=6)
    labels[[3, 7]] = STRANGER
    data = ImageData(images, labels, *test)
    assert (data.classes, data.is_unlabeled) == (int(labels.max()) + 1, False)
    with pytest.raises(UserError, match="from 0 up"):
        ImageData(images, np.where(labels == STRANGER, -1, labels), *test)
    with pytest.raises(UserError, match="test labels must be"):
        ImageData(*test, images, labels)


def test_the_original_images_stay_in_step_with_the_vectors_that_are_left_and_are_not_copied():
    originals = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    rows = np.arange(80, dtype=np.float32).reshape(40, 2)
    labels = np.arange(40) % 4
    data = ImageData(rows, labels, rows[:8], labels[:8], originals=originals)
    part = data.part(np.array([3, 5, 8, 30, 39])).part(np.array([1, 2, 4]))
    assert isinstance(part.originals, Chosen)
    assert part.originals.whole is originals
    assert part.originals[np.array([2, 0])].ravel().tolist() == [39, 5]
    assert part.originals.shape == (3, 1, 1, 1)
    assert part.train_images[:, 0].tolist() == [10, 16, 78]
    assert part.rows.tolist() == [5, 8, 39]
    assert part.classes == 4


def test_a_pool_is_told_in_one_sentence():
    rows = np.zeros((23, 2), np.float32)
    labels = np.repeat([0, 1, STRANGER], [15, 3, 5])
    data = ImageData(rows, labels, rows[:6], np.array([0, 0, 0, 0, 1, 1]), class_names=["cat", "bee"], rare=(1,))
    told = card.describe_pool(data)
    assert told["pool"] == {"train_of_class": [15, 3], "test_of_class": [4, 2], "strangers": 5, "rare": ["bee"]}
    assert card.pool_sentence(told) == (
        "pool: 23 examples (cat 15, bee 3), 5 of them strangers of no class; 6 to test on; rare: bee"
    )
