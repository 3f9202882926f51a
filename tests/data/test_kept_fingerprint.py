import os

import numpy as np
import pytest

from alrun.data import content
from alrun.data.dataset import ImageData
from alrun.data.kept_fingerprint import kept_fingerprint
from alrun.data.mapping import open_map

ROWS = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float16)
LABELS = np.arange(50) % 3


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(content, "MANY", 1)


def data_in(folder, rows: slice = slice(0, 40)) -> ImageData:
    train = open_map(folder / "rows.npy")[rows]
    return ImageData(train, LABELS[: len(train)], ROWS[40:], LABELS[40:])


def test_it_is_read_once_and_again_when_the_file_changes(tmp_path, monkeypatch):
    np.save(tmp_path / "rows.npy", ROWS)
    data = data_in(tmp_path)
    found = kept_fingerprint(data, tmp_path / "cache")
    assert found == data.fingerprint()
    with monkeypatch.context() as patched:
        patched.setattr(ImageData, "fingerprint", None)
        assert kept_fingerprint(data_in(tmp_path), tmp_path / "cache") == found
    np.save(tmp_path / "rows.npy", ROWS + 1)
    os.utime(tmp_path / "rows.npy", (1, 1))  # as in the next second
    assert kept_fingerprint(data_in(tmp_path), tmp_path / "cache") == data_in(tmp_path).fingerprint() != found


def test_another_part_other_labels_and_verification_are_told_apart(tmp_path, monkeypatch):
    np.save(tmp_path / "rows.npy", ROWS)
    cache = tmp_path / "cache"
    found = [kept_fingerprint(data_in(tmp_path, rows), cache) for rows in (slice(0, 40), slice(1, 41), slice(0, 39))]
    other = data_in(tmp_path)
    other.train_labels = LABELS[:40][::-1].copy()
    found.append(kept_fingerprint(other, cache))
    assert len(set(found)) == 4
    assert found[1] == data_in(tmp_path, slice(1, 41)).fingerprint()
    monkeypatch.setattr(content, "verify", True)
    monkeypatch.setattr(ImageData, "fingerprint", lambda data: "read again")
    assert kept_fingerprint(data_in(tmp_path), cache) == "read again"


def test_small_data_are_hashed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MANY", 10**9)
    np.save(tmp_path / "rows.npy", ROWS)
    kept_fingerprint(data_in(tmp_path), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
