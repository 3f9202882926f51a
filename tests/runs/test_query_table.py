"""Queries of millions: a Parquet file instead of a CSV, wherever queries are read."""

import sys
from dataclasses import replace

import pandas as pd
import pytest
import torch

from alrun.runs import finished, portable, query_table, thumbnails
from alrun.runs.run_folder import is_done, queries_file, results_of
from alrun.runs.state import RunState
from alrun.system.errors import StorageError
from tests.runs.test_state import RECORD

QUERIES = [torch.tensor([5, 3]), torch.tensor([9, 1, 2]), torch.tensor([7])]


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Saves a state with the first so many of the queries, of which five are many."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(query_table, "MANY", 4)
    folder = tmp_path / "setting" / "random-1a2b3c-seed0"
    folder.mkdir(parents=True)
    state = RunState("data")

    def save(count: int):
        state.queries[:] = QUERIES[:count]
        state.rounds[:] = [replace(RECORD, round=round) for round in range(count)]
        state.save(folder)
        return folder

    return save


def test_a_csv_becomes_parquet_when_queries_are_many(saved):
    folder = saved(1)
    assert queries_file(folder).name == "queries.csv"
    before = pd.read_csv(folder / "queries.csv")
    saved(2)
    assert not (folder / "queries.csv").exists()
    table = pd.read_parquet(folder / "queries.parquet")
    assert list(table.columns) == list(before.columns) == ["round", "position", "index"]
    assert table.to_numpy().tolist() == [[0, 0, 5], [0, 1, 3], [1, 0, 9], [1, 1, 1], [1, 2, 2]]
    saved(3)
    found = query_table.read_queries(folder)
    assert {round: query.tolist() for round, query in found.items()} == {0: [5, 3], 1: [9, 1, 2], 2: [7]}


def test_a_run_is_sealed_packed_and_known_to_be_done_with_it(saved, tmp_path):
    folder = saved(3)
    (folder / "run.json").write_text("{}")
    finished.seal_results(folder)
    assert is_done(folder)
    assert "queries.parquet" in results_of(folder)
    assert finished.altered_results(folder) == []
    portable.pack_runs([folder], tmp_path / "runs.zip")
    portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "other")
    other = tmp_path / "other" / "setting" / folder.name
    assert is_done(other)
    assert query_table.read_queries(other)[1].tolist() == [9, 1, 2]
    (folder / "queries.parquet").unlink()
    assert not is_done(folder)


def test_a_damaged_table_is_one_sentence(saved):
    folder = saved(3)
    (folder / "queries.parquet").write_bytes(b"nothing")
    with pytest.raises(StorageError, match=r"queries\.parquet"):
        query_table.read_queries(folder)
    with pytest.raises(StorageError):
        thumbnails.read_thumbnails(folder)


def test_without_pyarrow_the_extra_is_named_and_the_checkpoint_is_there(saved, monkeypatch):
    folder = saved(1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(StorageError, match=r"pip install 'alrun\[parquet\]', and the same command continues"):
        saved(3)
    assert [query.tolist() for query in RunState.load(folder, "data").queries] == [[5, 3], [9, 1, 2], [7]]
