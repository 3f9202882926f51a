"""Shards: one array in several files; what is damaged or missing is named."""

import json

import numpy as np
import pytest
import torch

from alrun.data import shards
from alrun.data.dataset import is_mapped
from alrun.data.shards import Shards
from alrun.data.vectors import features
from alrun.pool.rows import Rows
from alrun.system.errors import DataError


@pytest.fixture
def whole() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(50, 6)).astype(np.float16)


@pytest.fixture
def manifest(whole, tmp_path):
    return shards.write("train_features", np.split(whole, [20, 21, 44]), tmp_path)


@pytest.mark.parametrize("at", [slice(None), slice(19, 45), slice(3, 40, 7), [44, 0, 20, 20, 49], [-1, 5], []])
def test_that_shards_read_as_one_array(whole, manifest, at):
    at = at if isinstance(at, slice) else np.array(at, dtype=int)
    found = Shards(manifest)
    assert (found.shape, found.dtype, len(found), found.nbytes) == ((50, 6), np.float16, 50, whole.nbytes)
    assert is_mapped(found)
    np.testing.assert_array_equal(found[at], whole[at])
    np.testing.assert_array_equal(np.asarray(found), whole)


def test_that_rows_are_to_a_pool_what_a_tensor_is(whole, manifest):
    rows, tensor = Rows(Shards(manifest)), torch.from_numpy(whole)
    index = torch.tensor([43, 44, 2])
    assert rows[index].equal(tensor[index])
    assert rows[10:30].equal(tensor[10:30])
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (tensor.shape, 2, torch.float16, 50)
    assert rows.to(torch.device("cpu"), torch.float32).equal(tensor.float())


def test_that_a_missing_shard_is_named(manifest):
    (manifest.parent / "train_features-3.npy").unlink()
    with pytest.raises(DataError, match=r"train_features-3.npy is missing, which train_features.json lists: copy it"):
        Shards(manifest)


def test_that_a_shard_that_goes_while_it_is_used_is_named(manifest):
    found = Shards(manifest)
    (manifest.parent / "train_features-2.npy").unlink()
    assert len(found[:20]) == 20
    with pytest.raises(DataError, match=r"train_features-2.npy is missing"):
        found[:21]


def test_that_a_damaged_shard_is_found_by_its_hash_and_only_where_it_is_used(manifest):
    path = manifest.parent / "train_features-3.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    Rows(Shards(manifest)).verify(torch.arange(21))
    for index in (torch.tensor([21]), torch.tensor([0, 43]), torch.tensor([20, 49])):
        with pytest.raises(DataError, match=r"train_features-3.npy is damaged, its SHA-256"):
            Rows(Shards(manifest)).verify(index)
    path.write_bytes(content[:-12])
    with pytest.raises(DataError, match=r"train_features-3.npy is damaged"):
        Shards(manifest)[:]


@pytest.mark.parametrize("text", ["", "{}", '{"shards": 3}', "[]"])
def test_that_a_manifest_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "train_features.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"train_features.json is not a manifest of shards"):
        Shards(path)


def test_that_a_data_set_of_shards_is_that_of_one_file(whole, tmp_path):
    labels = np.arange(50) % 3
    folders = [tmp_path / "one", tmp_path / "many"]
    for folder in folders:
        folder.mkdir()
        np.save(folder / "train_labels.npy", labels)
        np.save(folder / "test_labels.npy", labels[:9])
        np.save(folder / "test_features.npy", whole[:9])
    np.save(folders[0] / "train_features.npy", whole)
    shards.write("train_features", np.array_split(whole, 7), folders[1])
    one, many = (features("", str(folder)) for folder in folders)
    np.testing.assert_array_equal(many.train_images[np.arange(50)], one.train_images)
    np.testing.assert_array_equal(many.train_labels, one.train_labels)
    assert (many.shape, many.classes) == (one.shape, one.classes)
    known = many.fingerprint()
    note = folders[1] / "train_features.json"
    content = json.loads(note.read_text())
    content["shards"][2]["sha256"] = "0" * 64
    note.write_text(json.dumps(content))
    assert features("", str(folders[1])).fingerprint() != known, "hashes of the manifest stand for the rows"
    with pytest.raises(DataError, match=r"dataset.standardize=true would read all shards at once"):
        features("", str(folders[1]), standardize=True)
