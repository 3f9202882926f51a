"""Checkpoints, the files beside them, and the cache of first models."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alrun import files, first_model
from alrun.energy import Cost
from alrun.errors import UserError
from alrun.lock import Lock
from alrun.state import RoundRecord, RunState

RECORD = RoundRecord(
    0, 20, 0.5, 0.125, 0.99, 7, 14, "accuracy", 0, "cpu", [0.25, 0.75], [1, 19], 1.5, 0.1, 0.0, 70.0, 5.0, 0.0, "rapl"
)


def saved(folder: Path) -> RunState:
    state = RunState("data", [torch.tensor([3, 1])])
    state.add_round(RECORD, {"w": torch.arange(6.0)})
    state.add_query(torch.tensor([8, 2]), Cost(0.25, 3.0), Cost(0.0, 1.0))
    state.save(folder)
    return state


def test_what_is_loaded_is_what_was_saved(tmp_path):
    state, loaded = saved(tmp_path), RunState.load(tmp_path, "data")
    assert loaded.rounds == state.rounds == [replace(RECORD, train_joules=71.0, select_seconds=0.25, select_joules=3.0)]
    assert [query.tolist() for query in loaded.queries] == [[3, 1], [8, 2]]
    assert loaded.weights is not None
    assert loaded.weights["w"].equal(torch.arange(6.0))
    assert not loaded.is_trained
    assert (tmp_path / "queries.csv").read_text() == "round,position,index\n0,0,3\n0,1,1\n1,0,8\n1,1,2\n"
    assert (tmp_path / "accuracy.csv").read_text().splitlines()[1] == "0,20,0.5,0.125,0.99,7,14,accuracy,0,cpu"
    assert (tmp_path / "timing.csv").read_text().splitlines()[1] == "0,20,1.5,0.1,0.25,71.0,5.0,3.0,rapl"
    assert (tmp_path / "per_class.csv").read_text() == "round,class,test_accuracy,labeled\n0,0,0.25,1\n0,1,0.75,19\n"


def test_a_damaged_checkpoint_is_noticed(tmp_path):
    saved(tmp_path)
    path = tmp_path / "state-1.pt"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(torch.arange(6.0).numpy().tobytes()) + 9] ^= 8  # one bit of a weight
    for damaged in (flipped, *(whole[:length] for length in (0, 10, len(whole) // 2, len(whole) - 1))):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"state-1.pt is damaged .*: delete {tmp_path} to begin this run anew"):
            RunState.load(tmp_path, "data")


def test_a_checkpoint_of_other_data_or_another_version_is_refused(tmp_path, monkeypatch):
    saved(tmp_path)
    with pytest.raises(UserError, match="computed on other data"):
        RunState.load(tmp_path, "other data")
    monkeypatch.setattr("alrun.state.FORMAT", 5)
    with pytest.raises(UserError, match="a checkpoint of format 4, this version of alrun reads 5"):
        RunState.load(tmp_path, "data")


def test_a_full_disk_costs_nothing_that_was_saved(tmp_path, monkeypatch):
    state = saved(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    state.add_round(replace(RECORD, round=1), {"w": torch.zeros(6)})
    with pytest.raises(UserError, match=r"state-2.pt cannot be written \(No space left on device\): free space"):
        state.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_has_one_owner(tmp_path):
    first, second = Lock(tmp_path / ".lock"), Lock(tmp_path / ".lock")
    assert first.acquire(wait=False)
    assert not second.acquire(wait=False)
    first.release()
    assert second.acquire(wait=False)
    second.release()


def test_the_first_model_is_computed_once_and_again_when_its_file_is_damaged(tmp_path, caplog):
    path, computed = tmp_path / "cache" / "first.pt", []

    def state_and_compute():
        state = RunState("data", [torch.tensor([3, 1])])

        def compute(unfinished: Path) -> None:
            computed.append(1)
            state.add_round(RECORD, {"w": torch.arange(6.0)})

        return state, compute

    states = []
    for damage, reused in ((False, False), (False, True), (True, False), (False, True)):
        if damage:
            path.write_bytes(path.read_bytes()[:-100])
        state, compute = state_and_compute()
        assert first_model.shared(path, state, compute) == reused
        states.append(state)
    assert len(computed) == 2
    assert "is damaged" in caplog.text
    for state in states:
        assert state.rounds == [RECORD]
        assert state.weights["w"].equal(torch.arange(6.0))
