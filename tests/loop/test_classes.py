"""Classes in settings, by number or by name."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alrun.data.dataset import ImageData
from alrun.loop.classes import with_numbers
from alrun.settings.command_line import as_typed
from alrun.system.errors import UserError

IMAGES = np.zeros((6, 1, 2, 2), dtype=np.uint8)


def data(names: list[str] | None) -> ImageData:
    labels = np.array([0, 1, 2, 0, 1, 2])
    return ImageData(IMAGES, labels, IMAGES, labels, class_names=names)


def test_names_become_numbers_at_any_depth_and_numbers_stay():
    given = {"inner": {"query_classes": ["a dog", 2, "7"], "private_classes": None, "width": 3}, "parts": 5}
    expected = {"inner": {"query_classes": [1, 2, 0], "private_classes": None, "width": 3}, "parts": 5}
    assert with_numbers(given, data(["7", "a dog", "cat"]), "strategy") == expected


@pytest.mark.parametrize(
    ("given", "names", "words"),
    [
        ("dgo", ["cat", "dog", "cow"], r"strategy.query_classes: there is no class dgo; did you mean dog\?"),
        ("bird", ["cat", "dog", "cow"], r"there is no class bird; choose from: cat, cow, dog"),
        ("cat", None, r"have no names, such as cat: give numbers from 0 to 2"),
        (3, None, r"there is no class 3; the last of 3 is 2"),
    ],
)
def test_what_is_not_a_class_is_refused(given, names, words):
    with pytest.raises(UserError, match=words):
        with_numbers({"query_classes": [given]}, data(names), "strategy")


def test_names_are_taken_as_they_are_typed():
    words = ["strategy.query_classes=[a dog,7-up,3]", "strategy.inner.private_classes=[nan]"]
    assert as_typed(words) == ['strategy.query_classes=[a dog,"7-up",3]', 'strategy.inner.private_classes=["nan"]']


def test_a_run_with_named_classes_queries_what_one_with_their_numbers_does(complete, tmp_path):
    draws = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 3)):
        for name in ("cat", "cow", "dog"):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for k in range(count):
                pixels = draws.integers(256, size=(8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{k}.png")
    own = ("dataset=image_folder", f"dataset.path={tmp_path / 'photos'}", "dataset.size=8", "model=small_cnn")
    small = ("budget.seed_size=9", "budget.batch_size=6", "budget.total=15", "training.max_epochs=1")
    wanted = ("strategy=partitioned", "strategy.parts=2", "strategy@strategy.inner=smi")
    chosen = {}
    for classes in ("[dog]", "[2]", "[cat]"):
        folder = complete(*own, *small, "augmentation=none", *wanted, f"strategy.inner.query_classes={classes}")
        chosen[classes] = pd.read_csv(folder / "queries.csv")["index"].tolist()
    assert chosen["[dog]"] == chosen["[2]"] != chosen["[cat]"]
