"""Full disks, protected folders, damaged files: nothing that is there is harmed, and one sentence says what to do."""

import errno
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alrun.runs.state import RunState
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system import files, lock
from alrun.system.errors import UserError
from alrun.training import checkpoint
from alrun.training.keeper import Keeper
from tests.heavy.crash_cases.runs import CASES, TinyRun, prepare
from tests.runs.test_state import saved

FAULTS = [
    (errno.ENOSPC, "No space left on device"),
    (errno.EDQUOT, "Disk quota exceeded"),
    (errno.EROFS, "Read-only file system"),
    (errno.EIO, "Input/output error"),
]


class Faulty:
    """Stands for ``os`` in alrun.system.files and fails from the ``first`` call of ``names`` on."""

    ALL = ("open", "write", "fsync", "link", "replace")

    def __init__(self, code: int, first: int = 1, names: tuple[str, ...] = ALL):
        self.code, self.first, self.names, self.calls = code, first, names, 0

    def __getattr__(self, name: str):
        if name not in self.names:
            return getattr(os, name)

        def call(*arguments):
            self.calls += 1
            if self.calls >= self.first:
                raise OSError(self.code, os.strerror(self.code))
            return getattr(os, name)(*arguments)

        return call


@pytest.mark.parametrize("name", ["open", "write", "fsync", "link"])
@pytest.mark.parametrize(("code", "words"), FAULTS)
def test_a_disk_that_fails_at_any_call_costs_nothing_that_was_saved(tmp_path, monkeypatch, code, words, name):
    state = saved(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    state.add_round(replace(state.rounds[0], round=1), {"w": torch.zeros(6)})
    monkeypatch.setattr(files, "os", Faulty(code, names=(name,)))
    with pytest.raises(UserError, match=rf"state-2.pt cannot be written \({words}\): free space"):
        state.save(tmp_path)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_on_a_full_disk_goes_on_when_there_is_space(tmp_path, monkeypatch):
    prepare()
    run = TinyRun.composed(*CASES["averaged"])
    run.complete(tmp_path / "whole")
    draws, sentences, first = random.Random(0), 0, 1
    while not (tmp_path / "full" / run.place / "done").exists():
        monkeypatch.setattr(files, "os", Faulty(errno.ENOSPC, first))
        try:
            run.complete(tmp_path / "full")
        except UserError as error:
            sentences += "No space left on device" in str(error)
        monkeypatch.undo()
        first += draws.randrange(60)  # from life to life there is more space
    assert sentences > 2
    assert run.results(tmp_path / "full") == run.results(tmp_path / "whole")


def test_short_writes_are_completed(tmp_path, monkeypatch):
    class Short:
        def __getattr__(self, name: str):
            return getattr(os, name)

        def write(self, descriptor, content):
            return os.write(descriptor, content[:7])

    monkeypatch.setattr(files, "os", Short())
    files.write(tmp_path / "file", bytes(range(100)))
    assert (tmp_path / "file").read_bytes() == bytes(range(100))


def two_generations(folder: Path) -> tuple[RunState, RunState]:
    """The states at state-1.pt and at state-2.pt."""
    older = saved(folder)
    newer = RunState.load(folder, "data")
    newer.add_round(replace(newer.rounds[0], round=1), {"w": torch.arange(6.0) + 1})
    newer.save(folder)
    return older, newer


def contents(state: RunState) -> tuple:
    assert state.weights is not None
    return state.rounds, [query.tolist() for query in state.queries], {k: v.tolist() for k, v in state.weights.items()}


def test_an_altered_checkpoint_is_never_taken_for_a_good_one(tmp_path, caplog):
    older, newer = map(contents, two_generations(tmp_path))
    path, draws, fell_back = tmp_path / "state-2.pt", random.Random(1), 0
    whole = path.read_bytes()
    altered = [whole[: draws.randrange(len(whole))] for _ in range(40)]
    for _ in range(300):
        position, bit = draws.randrange(len(whole)), draws.randrange(8)
        altered.append(whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :])
    for content in altered:
        path.write_bytes(content)
        found = contents(RunState.load(tmp_path, "data"))
        assert found in (older, newer)  # some bits, as of time stamps, mean nothing
        fell_back += found == older
        assert path.read_bytes() == content  # who reads changes nothing
    assert fell_back > 200
    assert "state-2.pt is damaged" in caplog.text
    assert "going on from the checkpoint before it" in caplog.text


def test_a_damaged_checkpoint_never_replaces_the_good_one_before_it(tmp_path):
    older, _ = two_generations(tmp_path)
    (tmp_path / "state-2.pt").write_bytes(b"no checkpoint")
    state = RunState.load(tmp_path, "data")
    assert contents(state) == contents(older)
    state.save(tmp_path)
    assert {path.name for path in tmp_path.glob("state*")} == {"state-1.pt", "state-2.pt.damaged", "state-3.pt"}
    assert (tmp_path / "state-2.pt.damaged").read_bytes() == b"no checkpoint"
    (tmp_path / "state-3.pt").write_bytes(b"damaged again")
    assert contents(RunState.load(tmp_path, "data")) == contents(older)


def test_where_all_generations_are_damaged_a_sentence_says_what_to_do(tmp_path):
    two_generations(tmp_path)
    for name in ("state-1.pt", "state-2.pt"):
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(
        UserError, match=rf"state-2.pt is damaged \(it is cut short, or not a checkpoint\): delete {tmp_path}"
    ):
        RunState.load(tmp_path, "data")
    assert (tmp_path / "state-2.pt").read_bytes() == b"damaged"  # it is the user's to delete


def test_code_in_a_checkpoint_is_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"format": Evil()}, tmp_path / "state-1.pt")
    with pytest.raises(UserError, match=r"state-1.pt is damaged \(its content is not that of a checkpoint"):
        RunState.load(tmp_path, "data")
    assert not (tmp_path / "executed").exists()


def test_a_checkpoint_that_may_not_be_read_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    two_generations(tmp_path)

    def denied(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(checkpoint.zipfile, "ZipFile", denied)
    with pytest.raises(UserError, match=r"state-2.pt cannot be read \(Permission denied\)"):
        RunState.load(tmp_path, "data")


@pytest.mark.parametrize("damage", ["truncated", "another run's", "gone"])
def test_a_damaged_training_begins_its_round_anew(tmp_path, monkeypatch, damage, caplog):
    prepare()
    run = TinyRun.composed(*CASES["subset"])
    run.complete(tmp_path / "whole")
    save, saves = Keeper.save, 0

    def stop(keeper: Keeper, content: dict) -> None:
        nonlocal saves
        save(keeper, content)
        saves += keeper.path.name == "training.pt"
        if saves == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        run.complete(tmp_path / "stopped")
    monkeypatch.undo()
    path = tmp_path / "stopped" / run.place / "training.pt"
    for generation in (path, checkpoint.previous_path(path)):
        if damage == "truncated":
            generation.write_bytes(generation.read_bytes()[:-9])
        elif damage == "gone":
            generation.unlink()
        else:
            content = checkpoint.load_checkpoint(generation)
            generation.write_bytes(checkpoint.serialize(content | {"labeled": content["labeled"] + 1}))
    run.complete(tmp_path / "stopped")
    assert run.results(tmp_path / "stopped") == run.results(tmp_path / "whole")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((UserError, OSError)) as caught:
        TinyRun.composed().complete(tmp_path / "file")
    told = mistake_sentence(caught.value)
    assert told is not None
    assert "Not a directory" in told


PLACES = (
    *(".lock", ".lock.lease", "failed.txt", "accuracy.csv", "timing.csv", "per_class.csv", "queries.csv"),
    *("run.json", "done", "training.pt", "frozen.pt", "state-9.pt"),
)


@pytest.fixture(scope="module")
def completed(tmp_path_factory) -> tuple[TinyRun, Path]:
    """A run, and the folder of its outputs."""
    prepare()
    run, outputs = TinyRun.composed("strategy=random"), tmp_path_factory.mktemp("completed")
    run.complete(outputs)
    return run, outputs


@pytest.mark.parametrize("name", [*PLACES, "first model", "its lock"])
def test_a_folder_or_foreign_bytes_in_the_place_of_a_file_are_one_sentence_or_no_matter(completed, tmp_path, name):
    run, outputs = completed
    for is_folder in (True, False):
        there = tmp_path / str(is_folder)
        shutil.copytree(outputs, there)
        run_dir = there / run.place
        cached = next((there / "cache" / "first_model").glob("*.pt"))
        path = {"first model": cached, "its lock": cached.with_suffix(".lock")}.get(name, run_dir / name)
        if path in (cached, cached.with_suffix(".lock")):
            for checkpoint_of_rounds in run_dir.glob("state-*.pt"):
                checkpoint_of_rounds.unlink()
        path.unlink(missing_ok=True)
        (run_dir / "done").unlink(missing_ok=True)
        path.mkdir() if is_folder else path.write_bytes(b"\xff\xfe\x00 no text")
        told = None
        try:
            run.complete(there)
        except UserError as error:
            told = str(error)
        assert told is not None or (run_dir / "done").exists()
        if told is not None:
            assert str(path).removesuffix(".lease") in told
            assert "remove " in told or ": delete it" in told


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EIO])
@pytest.mark.parametrize("which", ["flock", "lease"])
def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch, code, which):
    def refuse(*arguments, **settings):
        raise OSError(code, os.strerror(code))

    target = lock.FileLock if which == "flock" else lock.SoftFileLease
    monkeypatch.setattr(target, "_acquire", refuse)
    with pytest.raises(
        UserError, match=rf"\.lock cannot be locked \({os.strerror(code)}\): .*paths.outputs="
    ) as caught:
        lock.Lock(tmp_path / ".lock").acquire(wait=False)
    assert mistake_sentence(caught.value) == str(caught.value)
    monkeypatch.undo()
    with lock.Lock(tmp_path / ".lock"):
        pass  # and nothing was left locked


def test_a_checkpoint_that_would_execute_something_is_refused_in_our_words(tmp_path):
    torch.save({"model": slice(0, 1), "path": tmp_path}, tmp_path / "state.pt")  # a Path is built by a call
    with pytest.raises(ValueError, match=r"^its content is not that of a checkpoint: UnpicklingError$"):
        checkpoint.load_checkpoint(tmp_path / "state.pt")
    (tmp_path / "state.pt").write_bytes((tmp_path / "state.pt").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"^it is cut short, or not a checkpoint$"):
        checkpoint.load_checkpoint(tmp_path / "state.pt")
