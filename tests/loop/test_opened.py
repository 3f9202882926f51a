"""Runs on features: what is done once for several of them, once a round, and once a run."""

import os

import numpy as np
import pytest

from alrun.data import card
from alrun.loop import opened
from alrun.runs import finished
from alrun.runs.run_folder import RESULTS
from alrun.system import files


@pytest.fixture
def stored(tmp_path):
    """Writes other vectors at each call, and returns the settings that name them."""
    opened._last.clear()

    def store(seed: int = 0) -> tuple[str, str]:
        draws = np.random.default_rng(seed)
        labels = np.arange(120) % 3
        rows = (labels[:, None] + draws.normal(size=(120, 6))).astype(np.float32)
        arrays = {"train_features": rows[:90], "train_labels": labels[:90]}
        np.savez(tmp_path / "f.npz", **arrays, test_features=rows[90:], test_labels=labels[90:])
        return "dataset=features", f"dataset.path={tmp_path / 'f.npz'}"

    yield store
    opened._last.clear()


@pytest.fixture
def reads(monkeypatch):
    """A row of numbers for each time that data were read and described."""
    seen, of = [], card.describe_data

    def counted(data):
        seen.append(len(data.train_labels))
        return of(data)

    monkeypatch.setattr(card, "describe_data", counted)
    return seen


def test_runs_that_follow_one_another_open_their_data_once(stored, reads, complete):
    settings = stored()
    one, other = (complete(*settings, "strategy=margin", f"seed={seed}") for seed in (0, 1))
    assert len(reads) == 1
    opened._last.clear()
    for folder in (one, other):
        text = (folder / "accuracy.csv").read_text()
        for path in folder.iterdir():
            if path.is_file():
                path.unlink()
        again = complete(*settings, "strategy=margin", f"seed={folder.name[-1]}")
        assert (again / "accuracy.csv").read_text() == text
    assert len(reads) == 2


def test_a_path_may_refer_to_the_folder_of_data(stored, complete, tmp_path):
    given = complete(*stored(), "strategy=margin")
    same = complete("dataset=features", "dataset.path=${paths.data}/f.npz", f"paths.data={tmp_path}", "strategy=margin")
    assert same == given


def test_a_file_that_has_changed_is_opened_again(stored, reads, complete):
    complete(*stored(0), "strategy=margin")
    complete(*stored(1), "strategy=margin")
    assert len(reads) == 2
    assert len(opened._last) == 1


def test_each_table_is_written_when_it_changes(stored, complete, monkeypatch):
    written, write = [], files.write_csv

    def counted(path, *others, **settings):
        written.append(path.name)
        write(path, *others, **settings)

    monkeypatch.setattr(files, "write_csv", counted)
    run_dir = complete(*stored(), "strategy=margin")
    # At the start, and in three rounds; two of them end with a selection.
    counts = {"accuracy.csv": 1 + 3, "per_class.csv": 1 + 3, "timing.csv": 1 + 3 + 2, "queries.csv": 1 + 2}
    assert {name: written.count(name) for name in counts} == counts
    assert (run_dir / "queries.csv").read_text().count("\n") == 1 + 60
    assert (run_dir / "accuracy.csv").read_text().count("\n") == 1 + 3


def test_results_last_before_the_run_is_done(stored, complete, monkeypatch):
    """What a power cut after the mark leaves: every result was fsynced as it is, then the mark was made."""
    lasting: dict[str, bytes] = {}

    class Watched:
        def __getattr__(self, name):
            return getattr(os, name)

        def open(self, path, *others):
            descriptor = os.open(path, *others)
            names[descriptor] = os.path.basename(path)
            return descriptor

        def fsync(self, descriptor):
            name = names[descriptor]
            if name in RESULTS:
                with open(f"/dev/fd/{descriptor}", "rb") as file:
                    lasting[name] = file.read()
            os.fsync(descriptor)

    names: dict[int, str] = {}
    run_dir = complete(*stored(), "strategy=margin")
    (run_dir / "done").unlink()
    monkeypatch.setattr(files, "os", Watched())
    finished.seal_results(run_dir)
    assert lasting == {name: (run_dir / name).read_bytes() for name in RESULTS}
