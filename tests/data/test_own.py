"""Own images in folders, CSV and Parquet files, in memory and through a memory map."""

import json
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.data import memory_map, own
from alrun.data.dataset import channel_statistics, is_mapped
from alrun.data.image_source import Files, Split
from alrun.system.errors import UserError

SIZE = 8


def image_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image_of(seed)).save(path)


@pytest.fixture
def listed(tmp_path) -> Path:
    """photos.csv: ten images of two classes, two of each in the test split."""
    lines = ["path,label,split"]
    for seed in range(10):
        save(tmp_path / "some" / f"{seed}.png", seed)
        lines.append(f"some/{seed}.png,{'cat' if seed % 2 else 'dog'},{'test' if seed < 4 else 'train'}")
    path = tmp_path / "photos.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_csv_says_which_image_is_of_which_class_and_split(listed):
    data = own.csv("", str(listed), size=SIZE)
    assert np.array_equal(data.train_images, np.stack([image_of(seed) for seed in range(4, 10)]).transpose(0, 3, 1, 2))
    assert data.train_labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert data.test_labels.tolist() == [1, 0, 1, 0]
    assert data.class_names == ["cat", "dog"]
    assert data.files == [str(listed.parent / "some" / f"{seed}.png") for seed in range(4, 10)]
    assert data.thinned(2, 4).files == [data.files[0], data.files[5]]


def test_a_csv_may_name_its_columns_and_folder_otherwise_and_leave_the_split_to_us(tmp_path, listed):
    lines = [line.rpartition(",")[0].replace("some/", "") for line in listed.read_text().splitlines()]
    other = tmp_path / "lists" / "all.csv"
    other.parent.mkdir()
    other.write_text("\n".join(["file,kind", *lines[1:]]) + "\n", encoding="utf-8-sig")
    settings = {"images": str(tmp_path / "some"), "path_column": "file", "label_column": "kind", "size": SIZE}
    data = own.csv("", str(other), **settings, test_fraction=0.4)
    assert np.bincount(data.test_labels).tolist() == [2, 2]
    assert len(data.train_labels) == 6
    whole = np.concatenate([data.train_images, data.test_images]).transpose(0, 2, 3, 1)
    assert sorted(map(bytes, map(np.ndarray.tobytes, whole))) == sorted(image_of(seed).tobytes() for seed in range(10))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_csv_of_a_spreadsheet_with_another_separator_is_read(listed, separator):
    before = own.csv("", str(listed), size=SIZE).fingerprint()
    listed.write_text(listed.read_text().replace(",", separator), encoding="utf-8-sig")
    assert own.csv("", str(listed), size=SIZE).fingerprint() == before


def test_a_class_of_one_image_cannot_be_divided(listed):
    lines = [line.rpartition(",")[0] for line in listed.read_text().splitlines()]
    listed.write_text("\n".join(lines).replace("9.png,cat", "9.png,bird") + "\n")
    with pytest.raises(UserError, match=r"there is one example of bird and none to hold out"):
        own.csv("", str(listed), size=SIZE)


def test_classes_that_are_numbers_go_by_size(tmp_path, listed):
    text = listed.read_text().replace("cat", "10").replace("dog", "9")
    listed.write_text(text)
    assert own.csv("", str(listed), size=SIZE).class_names == ["9", "10"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("some/7.png", "some/70.png", r"photos.csv, line 9: there is no file .*some/70.png"),
        ("7.png,cat", "7.png,", r"line 9: its label is empty"),
        ("cat,train", "cat,trian", r"line 7: its split is 'trian', not train or test"),
        ("path,label", "path,class", r"has no column label: name its columns by dataset.path_column=... .*path, class"),
        ("some/9.png,cat,train\n", "some/9.png\n", r"line 11: its label is empty"),
        ("8.png,dog", "7.png,dog", r"line 10: some/7.png is dog here, but cat in line 9: keep one of them"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(listed, old, new, words):
    listed.write_text(listed.read_text().replace(old, new))
    with pytest.raises(UserError, match=words):
        own.csv("", str(listed), size=SIZE)


def test_files_that_are_no_list(tmp_path):
    with pytest.raises(UserError, match=r"dataset.path=.*nowhere.csv cannot be read as CSV"):
        own.csv("", str(tmp_path / "nowhere.csv"))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match=r"has no column path: .* from none"):
        own.csv("", str(tmp_path / "empty.csv"))
    (tmp_path / "header.csv").write_text("path,label\n")
    with pytest.raises(UserError, match="lists no image"):
        own.csv("", str(tmp_path / "header.csv"))


def write_parquet(path: Path, seeds: range, labels: list, named: bool, nested: bool = True) -> None:
    """A file as the Hugging Face libraries write it: structs of bytes and path, and notes on the classes."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images = []
    for seed in seeds:
        save(path.parent / "scratch.png", seed)
        content = (path.parent / "scratch.png").read_bytes()
        images.append({"bytes": content, "path": f"{seed}.png"} if nested else content)
    table = arrow.table({"image": images, "label": labels})
    if named:
        features = {"label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, row_group_size=4)


@pytest.mark.parametrize("nested", [True, False])
def test_parquet_files_as_hugging_face_writes_them(tmp_path, nested):
    folder = tmp_path / "data"
    folder.mkdir()
    write_parquet(folder / "train-00000-of-00002.parquet", range(6), [0, 1, 0, 1, 0, 1], True, nested)
    write_parquet(folder / "train-00001-of-00002.parquet", range(6, 9), [1, 1, 0], True, nested)
    write_parquet(folder / "test-00000-of-00001.parquet", range(9, 12), [0, 1, 0], True, nested)
    data = own.parquet("", str(tmp_path), size=SIZE)
    assert np.array_equal(data.train_images, np.stack([image_of(seed) for seed in range(9)]).transpose(0, 3, 1, 2))
    assert np.array_equal(data.test_images, np.stack([image_of(seed) for seed in range(9, 12)]).transpose(0, 3, 1, 2))
    assert data.train_labels.tolist() == [0, 1, 0, 1, 0, 1, 1, 1, 0]
    assert data.class_names == ["cat", "dog", "owl"]
    assert data.files is not None
    assert data.files[7].endswith("train-00001-of-00002.parquet, row 1")


def test_a_single_parquet_file_with_names_for_labels_is_split_by_us(tmp_path):
    write_parquet(tmp_path / "all.parquet", range(10), ["dog", "cat"] * 5, False)
    data = own.parquet("", str(tmp_path / "all.parquet"), size=SIZE, test_fraction=0.4)
    assert np.bincount(data.test_labels).tolist() == [2, 2]
    assert data.class_names == ["cat", "dog"]
    for file, image, label in zip(data.files or [], data.train_images, data.train_labels, strict=True):
        seed = int(file.rpartition(" ")[2])
        assert np.array_equal(image, image_of(seed).transpose(2, 0, 1))
        assert label == 1 - seed % 2


def test_parquet_files_that_cannot_be_used(tmp_path):
    write_parquet(tmp_path / "train.parquet", range(4), [0, 1, 0, 1], False)
    with pytest.raises(UserError, match=r"train.parquet has no column img: name its columns .*image, label"):
        own.parquet("", str(tmp_path), image_column="img")
    (tmp_path / "train.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match=r"train.parquet cannot be read as Parquet"):
        own.parquet("", str(tmp_path))
    (tmp_path / "train.parquet").unlink()
    with pytest.raises(UserError, match=r"there is no file train\*.parquet"):
        own.parquet("", str(tmp_path))
    write_parquet(tmp_path / "train.parquet", range(4), [0, None, 0, 1], False)
    with pytest.raises(UserError, match=r"train.parquet, row 1: its label is empty"):
        own.parquet("", str(tmp_path))


def maps(root: Path) -> list[Path]:
    return sorted(root.glob("memory_maps/*.npy"))


def test_a_memory_map_holds_the_same_pixels_and_is_built_once(tmp_path, listed, monkeypatch):
    plain = own.csv("", str(listed), size=SIZE)
    first = own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True)
    assert is_mapped(first.train_images)
    assert not is_mapped(plain.train_images)
    assert np.array_equal(first.train_images, plain.train_images)
    assert (first.fingerprint(), first.mean, first.std) == (plain.fingerprint(), plain.mean, plain.std)
    monkeypatch.setattr(memory_map, "build_map", None)  # a second call would fail
    again = own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True)
    assert again.fingerprint() == plain.fingerprint()
    assert len(maps(tmp_path)) == 2  # training and test


def test_other_images_or_sizes_make_another_map(tmp_path, listed):
    fingerprint = own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True).fingerprint()
    own.csv(str(tmp_path), str(listed), size=4, memory_map=True)
    assert len(maps(tmp_path)) == 4
    save(tmp_path / "some" / "9.png", 99)
    os.utime(tmp_path / "some" / "9.png", (1, 1))
    changed = own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True)
    assert np.array_equal(changed.train_images[5], image_of(99).transpose(2, 0, 1))
    assert changed.fingerprint() != fingerprint


def test_a_damaged_map_is_built_anew_and_an_untouched_copy_is_not(tmp_path, listed, caplog):
    whole = own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True).fingerprint()
    path = maps(tmp_path)[0]
    os.utime(path, (5, 5))  # copied from another machine, say
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True).fingerprint() == whole
    assert "building" not in caplog.text
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.INFO):
        assert own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True).fingerprint() == whole
    assert f"{path} is damaged: it is built again" in caplog.text


def test_a_build_that_fails_leaves_nothing_behind(tmp_path, listed):
    (tmp_path / "some" / "8.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"some/8.png is not a readable image"):
        own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True)
    assert not [path for path in tmp_path.glob("memory_maps/*") if path.suffix != ".lock"]


def test_a_map_is_on_the_disk_and_read_from_there_before_it_has_its_name(tmp_path, listed, monkeypatch):
    done = []

    def noting(name: str, call):
        monkeypatch.setattr(memory_map, name, lambda *given: (done.append(name), call(*given))[1])

    noting("drop_from_cache", memory_map.drop_from_cache)
    noting("checksum", memory_map.checksum)
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (done.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda path, target: (done.append("replace"), replace(path, target))[1])
    own.csv(str(tmp_path), str(listed), size=SIZE, memory_map=True)
    assert done[:5] == ["fsync", "drop_from_cache", "checksum", "replace", "fsync"]  # the last one is the folder's


def test_runs_that_start_together_build_a_map_once(tmp_path, monkeypatch):
    for seed in range(300):
        save(tmp_path / "some" / f"{seed}.png", seed)
    paths = [str(tmp_path / "some" / f"{seed}.png") for seed in range(300)]
    split, builds, found = Split(Files(paths), np.arange(300), np.zeros(300, np.int64)), [], []
    build = memory_map.build_map
    monkeypatch.setattr(memory_map, "build_map", lambda *given: (builds.append(1), build(*given)))
    threads = [
        threading.Thread(target=lambda: found.append(memory_map.map_images(split, SIZE, 3, tmp_path / "maps")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert builds == [1]
    assert len(found) == 3
    assert all(np.array_equal(each[299], image_of(299).transpose(2, 0, 1)) for each in found)


def test_statistics_of_many_pixels_are_added_up_part_by_part(monkeypatch):
    images = np.random.default_rng(0).integers(256, size=(50, 3, 4, 4), dtype=np.uint8)
    whole = channel_statistics(images)
    monkeypatch.setattr("alrun.data.dataset.BLOCK", 100)
    assert channel_statistics(images) == whole
    assert np.allclose(whole[0], images.mean((0, 2, 3)) / 255, atol=1e-6)
