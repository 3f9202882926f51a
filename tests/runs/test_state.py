"""Checkpoints, the files beside them, and the cache of first models."""

import errno
import math
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from alrun.runs import first_model, portable
from alrun.runs.generations import Generations
from alrun.runs.round_record import MEASURES, RoundRecord
from alrun.runs.state import RunState
from alrun.system import files
from alrun.system.energy import Cost
from alrun.system.errors import UserError
from alrun.system.lock import Lock, TakenOver
from alrun.training import checkpoint

RECORD = RoundRecord(
    0,
    20,
    0.5,
    0.125,
    0.99,
    7,
    14,
    "accuracy",
    0,
    "cpu",
    [0.25, 0.75],
    [1, 19],
    1.5,
    0.1,
    0.0,
    70.0,
    5.0,
    0.0,
    "rapl",
    answers=60,
    spent=12.5,
    balanced_accuracy=0.5,
    macro_f1=0.4,
    worst_recall=0.25,
    rare_recall=0.75,
    nll=1.5,
    brier=0.75,
    kappa=0.5,
    changed=0.25,
    uncertainty=0.5,
    delta_f=0.25,
    batch_accuracy=1.0,
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
    assert (tmp_path / "accuracy.csv").read_text().splitlines()[1] == (
        "0,20,0.5,0.125,0.99,7,14,accuracy,0,cpu,60,12.5"
    )
    assert (tmp_path / "timing.csv").read_text().splitlines()[1] == "0,20,1.5,0.1,0.25,71.0,5.0,3.0,rapl"
    assert (tmp_path / "per_class.csv").read_text() == "round,class,test_accuracy,labeled\n0,0,0.25,1\n0,1,0.75,19\n"


def test_a_record_from_before_answers_were_counted_has_one_for_each_label(tmp_path):
    """A checkpoint, a shared first model and tables of alrun 0.4 are read as one answer a label, each of cost 1."""
    before = {name: value for name, value in asdict(RECORD).items() if name not in ("answers", "spent")}
    content = {"data": "data", "queries": [torch.arange(20)], "rounds": [before], "weights": None, "frozen": []}
    Generations(tmp_path / "state.pt").write(content | {"schema_version": 4, "class_names": None})
    (read,) = RunState.load(tmp_path, "data").rounds
    assert (read.labeled, read.answers, read.spent) == (20, 20, 20.0)

    shared = tmp_path / "first.pt"
    checkpoint.write_checkpoint(shared, {"record": before, "weights": {}, "frozen": []})
    state = RunState("data", [torch.arange(20)])
    assert first_model.reuse_first_model(shared, state)
    assert (state.rounds[0].answers, state.rounds[0].spent) == (20, 20.0)

    saved(folder := tmp_path / "tables")
    table = folder / "accuracy.csv"
    table.write_text("".join(line.rsplit(",", 2)[0] + "\n" for line in table.read_text().splitlines()))
    (rebuilt,) = portable.read_records(folder)
    assert (rebuilt.labeled, rebuilt.answers, rebuilt.spent) == (20, 20, 20.0)


def test_the_measures_have_a_table_of_their_own(tmp_path):
    labeled = replace(RECORD, class_labeled=[0, 19], purity=0.5, strangers=3, wrong_labels=0.125)
    state = RunState("data", [torch.tensor([3, 1])], [labeled])
    state.save(tmp_path)
    columns = "round,labeled,balanced_accuracy,macro_f1,worst_recall,rare_recall,nll,brier"
    columns += ",purity,strangers,wrong_labels,classes_found"
    row = "0,20,0.5,0.4,0.25,0.75,1.5,0.75,0.5,3,0.125,1"
    assert (tmp_path / "measures.csv").read_text() == f"{columns}\n{row}\n"
    assert RunState.load(tmp_path, "data").rounds == [labeled]


def test_a_checkpoint_of_before_the_measures_is_read(tmp_path):
    """Its test measures are unknown; all its examples had a class, and true labels."""
    saved(tmp_path)
    path = tmp_path / "state-1.pt"
    content = torch.load(path, weights_only=True)
    for record in content["rounds"]:
        for name in set(MEASURES) & record.keys():
            del record[name]
    torch.save(content, path)
    (record,) = RunState.load(tmp_path, "data").rounds
    assert all(math.isnan(getattr(record, name)) for name in MEASURES[:6])
    assert [getattr(record, name) for name in MEASURES[6:]] == [1.0, 0, 0.0, 2]


def test_a_damaged_checkpoint_is_noticed(tmp_path):
    saved(tmp_path)
    path = tmp_path / "state-1.pt"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(torch.arange(6.0).numpy().tobytes()) + 9] ^= 8  # one bit of a weight
    for damaged in (flipped, *(whole[:length] for length in (0, 10, len(whole) // 2, len(whole) - 1))):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"state-1.pt is damaged .*: delete {tmp_path}/\*\.pt to start"):
            RunState.load(tmp_path, "data")


def test_a_checkpoint_of_other_data_or_another_version_is_refused(tmp_path, monkeypatch):
    saved(tmp_path)
    with pytest.raises(UserError, match="computed on other data"):
        RunState.load(tmp_path, "other data")
    monkeypatch.setattr("alrun.runs.state.READABLE", 5)
    with pytest.raises(UserError, match="a checkpoint of schema version 4, this version of alrun reads 5 or later"):
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


class OneName:
    """Stands for ``os`` in alrun.system.files on a file system that gives a file one name alone."""

    def __init__(self, before_fsync: Callable[[], object] = lambda: None) -> None:
        self.before_fsync = before_fsync

    def __getattr__(self, name: str):
        return getattr(os, name)

    def link(self, source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def fsync(self, descriptor: int) -> None:
        self.before_fsync()
        os.fsync(descriptor)


@pytest.fixture(params=["links", "one name a file"])
def any_disk(request, monkeypatch):
    if request.param != "links":
        monkeypatch.setattr(files, "os", OneName())


def go_on(folder: Path, saves: int = 1) -> RunState:
    """What a process does that takes the run over: load, and save so many rounds more."""
    state = RunState.load(folder, "data")
    for _ in range(saves):
        state.add_round(replace(RECORD, round=len(state.rounds)), {"w": torch.ones(6)})
        state.save(folder)
        state.add_query(torch.tensor([20 + len(state.rounds)]), Cost(0.1, 0.1), Cost(0.0, 0.0))
    return state


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("saves", [1, 2, 5])
def test_a_process_that_slept_is_refused_however_far_the_one_that_took_over_has_gone(tmp_path, any_disk, saves):
    """Numbers that were used and removed are no way in; no lock is asked."""
    sleeper = saved(tmp_path)
    go_on(tmp_path, saves)
    before = contents(tmp_path)
    sleeper.add_round(replace(RECORD, round=1), {"w": torch.zeros(6)})
    words = rf"another process \(state-{1 + saves}.pt is there, the last that this one knows is state-1.pt\)"
    for attempt in (lambda: sleeper.save(tmp_path), lambda: sleeper.write_views(tmp_path), sleeper.check):
        with pytest.raises(TakenOver, match=words):
            attempt()
    assert contents(tmp_path) == before
    assert len(before.keys() & {f"state-{number}.pt" for number in range(9)}) == 2


def test_one_that_never_saved_is_refused_too(tmp_path, any_disk):
    sleeper = RunState.load(tmp_path, "data")
    sleeper.queries.append(torch.tensor([3, 1]))
    saved(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(TakenOver, match=r"state-1.pt is there, the last that this one knows is none"):
        sleeper.save(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("view", ["accuracy.csv", "timing.csv", "per_class.csv", "queries.csv"])
def test_a_process_that_slept_while_it_wrote_tables_leaves_those_of_the_one_that_took_over(tmp_path, monkeypatch, view):
    sleeper = saved(tmp_path)
    sleeper.add_round(replace(RECORD, round=1), {"w": torch.zeros(6)})
    sleeper.shown = (-1, -1)  # as at the start of a process, which writes all tables
    write_csv = files.write_csv

    def slept(path: Path, columns, rows, lasts=True) -> None:
        if path.name == view:
            monkeypatch.setattr(files, "write_csv", write_csv)
            go_on(tmp_path, 3)
            expected.update(contents(tmp_path))
        write_csv(path, columns, rows, lasts)

    expected: dict[str, bytes] = {}
    monkeypatch.setattr(files, "write_csv", slept)
    with pytest.raises(TakenOver, match=r"state-5.pt is there"):
        sleeper.save(tmp_path)
    assert contents(tmp_path) == expected
    assert len((tmp_path / "accuracy.csv").read_text().splitlines()) == 6


def test_a_process_that_slept_in_the_middle_of_a_checkpoint_is_refused_where_files_have_one_name(tmp_path, monkeypatch):
    sleeper = saved(tmp_path)
    sleeper.add_round(replace(RECORD, round=1), {"w": torch.zeros(6)})

    def sleep() -> None:
        if (tmp_path / "state-2.pt").exists():  # made, and its bytes not yet safe
            monkeypatch.undo()
            (tmp_path / "state-2.pt").write_bytes(b"half")
            go_on(tmp_path, 2)

    monkeypatch.setattr(files, "os", OneName(before_fsync=sleep))
    with pytest.raises(TakenOver, match=r"state-4.pt is there"):
        sleeper.save(tmp_path)
    assert len(RunState.load(tmp_path, "data").rounds) == 3
    assert (tmp_path / "accuracy.csv").read_text().count("\n") == 4


def test_frozen_weights_are_written_once_and_one_that_changes_is_not_lost(tmp_path):
    weights = {"backbone": torch.arange(5000.0), "counter": torch.tensor(0), "head": torch.ones(3)}
    state = RunState("data", [torch.tensor([3, 1])])
    for round in range(4):
        weights = weights | {"counter": torch.tensor(round // 2), "head": torch.full((3,), float(round))}
        state.add_round(replace(RECORD, round=round), weights, ["backbone", "counter", "not in the network"])
        state.save(tmp_path)
        state = RunState.load(tmp_path, "data")
        assert state.weights is not None
        assert {name: value.tolist() for name, value in state.weights.items()} == {
            name: value.tolist() for name, value in weights.items()
        }
        state.add_query(torch.tensor([8 + round]), Cost(), Cost())
        state.save(tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.pt")}
    assert sizes.keys() == {"frozen.pt", "state-7.pt", "state-8.pt"}
    assert sizes["frozen.pt"] > 20_000
    assert sizes["state-7.pt"] + sizes["state-8.pt"] < 12_000
    (tmp_path / "frozen.pt").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match=r"frozen.pt is damaged .*: delete .*/\*\.pt to start this run over"):
        RunState.load(tmp_path, "data")
    (tmp_path / "frozen.pt").unlink()
    with pytest.raises(UserError, match=r"frozen.pt lacks backbone and is needed by the checkpoints beside it"):
        RunState.load(tmp_path, "data")


def test_a_checkpoint_of_the_first_version_is_named_and_kept(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"of 0.1.0")
    with pytest.raises(UserError, match="of schema version 3, this version of alrun reads 4 or later: use the version"):
        RunState.load(tmp_path, "data")
    assert (tmp_path / "state.pt").read_bytes() == b"of 0.1.0"


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
        assert first_model.share_first_model(path, state, compute) == reused
        states.append(state)
    assert len(computed) == 2
    assert "is damaged" in caplog.text
    for state in states:
        assert state.rounds == [RECORD]
        assert state.weights["w"].equal(torch.arange(6.0))
