"""Folders as people have them: what is a split, what is a class, and what is neither."""

import logging
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.data import card, own
from alrun.data.dataset import ImageData
from alrun.data.layout import kind_of
from alrun.data.memory_map import Unreadable
from alrun.system.errors import UserError


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(256, size=(4, 4, 3), dtype=np.uint8)).save(path)


def filled(base: Path, *folders: str, each: int = 4) -> Path:
    """Images in every folder, no two alike."""
    for number, folder in enumerate(folders):
        for seed in range(each):
            save(base / folder / f"{seed}.png", 1000 * number + seed)
    return base


def read(path: Path, **settings) -> dict:
    return card.describe_data(own.image_folder("", str(path), size=4, **settings))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        *(("train", "val"), ("Train", "VAL"), ("training", "testing"), ("TRAIN", "Valid"), ("train", "validation")),
        *(("train", "dev"), ("training_set", "test_set"), ("train_images", "Test Images"), ("trainset", "testset")),
    ],
)
def test_folders_named_as_splits_are_splits(tmp_path, train, test, caplog):
    filled(tmp_path, f"{train}/ants", f"{train}/bees", f"{train}/wasps")
    filled(tmp_path / test, "ants", "bees", "wasps", each=2)
    with caplog.at_level(logging.INFO):
        made = read(tmp_path)
    assert (made["class_names"], made["train"], made["test"]) == (["ants", "bees", "wasps"], 12, 6)
    assert (f"{test} is the test split" in caplog.text) == (kind_of(test) == "val")


def test_a_train_folder_alone_is_divided(tmp_path):
    made = read(filled(tmp_path, "train/ants", "train/bees", each=5), test_fraction=0.4)
    assert (made["class_names"], made["train"], made["test"]) == (["ants", "bees"], 6, 4)


def test_of_three_splits_the_one_that_is_not_used_is_named(tmp_path, caplog):
    base = filled(tmp_path, *(f"{split}/{kind}" for split in ("train", "val", "test") for kind in ("ants", "bees")))
    save(base / "val" / "bees" / "more.png", 99)
    assert read(base)["test"] == 8
    assert "the folder val is passed over; dataset.test_split=... names the one to test on" in caplog.text
    caplog.clear()
    assert read(base, test_split="validation")["test"] == 9
    assert "the folder test is passed over" in caplog.text
    with pytest.raises(
        UserError, match=r"dataset.test_split=fold1: .* has no such split; besides train there are: test, val"
    ):
        read(base, test_split="fold1")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["images/ants", "images/bees", "thumbnails/ants", "thumbnails/bees"], "are named for kinds of files"),
        (["images", "masks"], "are named for kinds of files, not for classes"),
        (["one/ants", "one/bees", "two/ants", "two/bees"], "all lie a level deeper, in ants, bees"),
        (["cats/tabby", "dogs/poodle"], r"all lie a level deeper, in poodle, tabby: .*dataset.class_level=2"),
        (["v1/train/ants", "v1/train/bees"], r"one class folder, v1; give two or more, or, .* dataset.path=.*/v1"),
        (["train", "test"], "train are named for splits but hold no class folders"),
        (["train", "val"], "are named for splits but hold no class folders"),
        (["val/ants", "val/bees", "test/ants", "test/bees"], "named for splits, but no folder train"),
        (["train/ants", "train/bees", "training/ants", "training/bees"], "could both be the training split"),
    ],
)
def test_what_may_be_no_class_is_never_learned(tmp_path, folders, words):
    with pytest.raises(UserError, match=words):
        read(filled(tmp_path, *folders))


@pytest.mark.parametrize(
    ("folders", "settings", "classes"),
    [
        (["train", "bus", "car"], {}, ["bus", "car", "train"]),  # vehicles
        (["test", "control"], {}, ["control", "test"]),
        (["n01/images", "n02/images"], {}, ["n01", "n02"]),  # as Tiny ImageNet's
        (["data/ants", "data/bees"], {}, ["ants", "bees"]),  # as archives unpack
        (["cats/tabby", "dogs/poodle"], {"class_level": 1}, ["cats", "dogs"]),
        (["cats/tabby", "dogs/poodle"], {"class_level": 2}, ["poodle", "tabby"]),
        (["cats", "cats/old", "dogs"], {}, ["cats", "dogs"]),
        (["photos", "images"], {"class_level": 1}, ["images", "photos"]),
    ],
)
def test_what_are_classes_are_learned(tmp_path, folders, settings, classes):
    assert read(filled(tmp_path, *folders), **settings)["class_names"] == classes


def test_the_log_says_in_one_line_what_a_data_set_is(tmp_path, caplog):
    base = filled(tmp_path, "ants", "bees", each=5)
    for name in ("notes.txt", "more.TXT", "x.heic", "plain"):
        (base / "ants" / name).write_text("no image")
    os.mkfifo(base / "ants" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(base / "bees")  # paths of sockets are short
        server.bind("socket.png")
    os.link(base / "bees" / "0.png", base / "bees" / "again.png")
    with caplog.at_level(logging.INFO):
        card.log_card(read(base))
    line = next(line for line in caplog.messages if line.startswith("data:"))
    assert line.startswith("data: 2 classes (ants, bees); 8 images to label, 2 to test on; passed over: ")
    for part in (".txt 2", ".heic 1", "no ending 1", "pipe, socket or device 2", "second name of a file 1"):
        assert part in line


def test_a_link_to_a_folder_above_or_to_one_another_is_no_second_copy(tmp_path):
    base = filled(tmp_path / "data", "ants", "bees")
    (base / "ants" / "all").symlink_to("..")
    (base / "ants" / "self").symlink_to(".")
    (base / "bees" / "a").mkdir()
    (base / "bees" / "a" / "b").symlink_to(base / "bees")
    made = read(base)
    assert (made["class_names"], made["train"] + made["test"]) == (["ants", "bees"], 8)
    assert made["passed_over"]["link to a folder that is met elsewhere"] == 3


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_one_file_in_two_classes_or_splits_is_refused_with_both_places(tmp_path, link):
    base = filled(tmp_path / "a", "ants", "bees")
    link(base / "ants" / "1.png", base / "bees" / "x.png")
    with pytest.raises(
        UserError, match=r"ants/1.png and .*bees/x.png are one file, and it cannot be ants as well as bee"
    ):
        read(base)
    base = filled(tmp_path / "b", "train/ants", "train/bees", "test/ants", "test/bees")
    link(base / "train" / "ants" / "1.png", base / "test" / "ants" / "x.png")
    with pytest.raises(UserError, match=r"the training and the test split share 1 image: .*ants/1.png .*x.png"):
        read(base)


def test_a_folder_linked_into_another_class_is_refused(tmp_path):
    base = filled(tmp_path, "ants", "bees")
    (base / "ants" / "more").symlink_to(base / "bees")
    with pytest.raises(UserError, match="are one file, and it cannot be"):
        read(base)


def test_equal_images_in_both_splits_are_counted_and_told(tmp_path):
    base = filled(tmp_path, "train/ants", "train/bees", "test/ants", "test/bees")
    for number in range(3):
        (base / "test" / "ants" / f"copy{number}.png").write_bytes((base / "train/ants" / f"{number}.png").read_bytes())
    for number in range(8):  # filled() gave each folder its own images
        assert (base / "test" / "ants" / f"{number % 4}.png").exists()
    made = read(base)
    assert made["test_in_train"] == 3
    assert any("3 of 11 test images are also in the pool" in problem for problem in card.card_problems(made))


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path):
    base = filled(tmp_path, "train/ants", "train/bees", "test/ants", "test/bees")
    broken = [base / "train/ants/0.png", base / "train/bees/2.png", base / "test/ants/3.png"]
    for path in broken:
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="3 images cannot be used") as caught:
        read(base)
    assert all(str(path) in str(caught.value) for path in broken)
    for path in base.glob("train/*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"9 images cannot be used") as caught:
        read(base)
    monkey = Unreadable([f"dataset: {n} is bad; fix or remove it." for n in range(25)])
    assert "and 15 more" in str(monkey)
    assert str(caught.value).count("is not a readable image") == 9


def plain(level: int, count: int = 20, noise: int = 0) -> np.ndarray:
    images = np.full((count, 1, 8, 8), level, np.uint8)
    return images + np.random.default_rng(0).integers(noise + 1, size=images.shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (plain(0), "all 20 images of the pool are alike"),
        (plain(0, noise=7), "the pool is nearly black: its values go from 0 to 7 of 255; if the files hold fewer bits"),
        (plain(245, noise=9), "nearly white"),
        (plain(90, noise=11), "the pool has 12 levels of 256 alone, from 90 to 101"),
        (np.arange(20, dtype=np.uint8)[:, None, None, None] * 9 + np.zeros((20, 1, 8, 8), np.uint8), "one color each"),
    ],
)
def test_a_pool_that_looks_wrong_is_told_before_training(images, words):
    labels = np.arange(20) % 2
    made = card.describe_data(ImageData(images, labels, images[:4], labels[:4]))
    assert any(words in problem for problem in card.card_problems(made))


def test_a_pool_that_looks_right_is_not_warned_of():
    images = np.random.default_rng(1).integers(256, size=(40, 3, 8, 8), dtype=np.uint8)
    made = card.describe_data(ImageData(images[:30], np.arange(30) % 2, images[30:], np.arange(10) % 2))
    assert card.card_problems(made) == []


def test_a_pool_and_its_test_images_without_labels_may_not_overlap(tmp_path):
    base = filled(tmp_path, "pool", "test/ants", "test/bees")
    os.link(base / "pool" / "1.png", base / "test" / "ants" / "x.png")
    with pytest.raises(UserError, match="the training and the test split share"):
        own.unlabeled("", str(base / "pool"), ["ants", "bees"], str(base / "test"))


def test_equal_images_of_two_classes_are_counted():
    images = np.random.default_rng(0).integers(256, size=(12, 3, 4, 4), dtype=np.uint8)
    images[[4, 7]] = images[0]  # of three, two are of one class
    images[9] = images[8]  # of one class: no harm
    images[11] = images[10]  # nobody has labeled one of them
    made = card.describe_data(
        ImageData(
            images, np.array([0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, -1]), images[:0], np.arange(0), class_names=["a", "b"]
        )
    )
    assert made["of_two_classes_in_train"] == 3
    assert any(
        "3 of 12 images of the pool are the same as one of another class" in each for each in card.card_problems(made)
    )
