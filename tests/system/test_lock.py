"""The same run twice, several runs that share caches, and locks of processes that are gone or elsewhere."""

import errno
import os
import random
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import _unix

from alrun.runs.state import RunState
from alrun.system import files, lock
from alrun.system.errors import UserError
from alrun.system.lock import Lock, TakenOver
from tests.heavy.crash_cases.many import sleeps_at, together
from tests.heavy.crash_cases.runs import CASES, TinyRun, fork, prepare, write_points
from tests.runs.test_state import RECORD, OneName, saved


def test_processes_on_the_same_runs_do_everything_once(tmp_path):
    """A small version of tests/heavy/test_concurrency.py."""
    prepare()
    runs = [TinyRun.composed(f"strategy={name}") for name in ("random", "entropy")]
    for run in runs:
        run.complete(tmp_path / "alone")
    trained = together(runs, 3, tmp_path / "together")
    assert set(trained.values()) == {1}
    assert len(trained) == 1 + 2 * 2  # the shared first model, and two rounds of each
    for run in runs:
        for outputs in ("alone", "together"):
            run.complete(tmp_path / outputs)  # fills in efficiencies
        assert run.results(tmp_path / "together") == run.results(tmp_path / "alone")


def test_jobs_that_start_at_the_same_moment_on_several_machines_train_the_first_model_once(tmp_path):
    prepare()
    runs = [TinyRun.composed("strategy=random", "initial_seed=42", f"seed={seed}") for seed in range(3)]
    trained = together(runs, 1, tmp_path / "together", elsewhere=True)
    assert set(trained.values()) == {1}
    assert len(trained) == 1 + 2 * 3
    assert all((tmp_path / "together" / run.place / "done").exists() for run in runs)


def test_a_process_that_slept_while_another_took_its_run_over_harms_nothing(tmp_path):
    """SIGSTOP at any write, with no system lock between the two; a sample that moves on with the day."""
    prepare()
    run = TinyRun.composed(*CASES["badge"])
    points = write_points(run, tmp_path)
    expected = run.results(tmp_path / "whole")
    draws = random.Random(time.strftime("%Y-%m-%d"))
    published = [number for number, what in enumerate(points, 1) if what.startswith("os.link .state-")]
    views = [number for number, what in enumerate(points, 1) if what.startswith("os.rename .accuracy.csv")]
    anywhere = draws.randrange(1, 1 + len(points))
    slept = [
        (draws.choice(published), None),
        (draws.choice(views), None),
        (anywhere, draws.choice(views)),
    ]
    for point, other in slept:  # the other one ends the run, or stops half way and goes on last
        assert sleeps_at(run, tmp_path, point, other) == expected, (point, points[point - 1], other)


@pytest.mark.parametrize("has_links", [True, False])
def test_of_processes_that_save_at_the_same_moment_one_succeeds(tmp_path, monkeypatch, has_links):
    prepare()
    if not has_links:
        monkeypatch.setattr(files, "os", OneName())
    saved(tmp_path)
    for number in range(1, 6):
        states, moment, children = [RunState.load(tmp_path, "data") for _ in range(5)], time.monotonic() + 0.2, []
        for mark, state in enumerate(states):
            child = fork()
            if child == 0:
                state.add_round(replace(RECORD, round=number, epochs=mark), {"w": torch.full((6,), float(mark))})
                time.sleep(max(0, moment - time.monotonic()))
                status = 1
                try:
                    state.save(tmp_path)
                    status = 0
                except TakenOver:
                    status = 3
                finally:
                    os._exit(status)
            children.append(child)
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(ended) == [0, 3, 3, 3, 3]
        found = RunState.load(tmp_path, "data")
        assert found.weights is not None
        assert found.weights["w"].tolist() == [float(ended.index(0))] * 6
        assert (tmp_path / "accuracy.csv").read_text().splitlines()[-1].split(",")[5] == str(ended.index(0))


def test_the_lock_of_a_process_that_died_is_free(tmp_path):
    child = fork()
    if child == 0:
        Lock(tmp_path / ".lock").acquire(wait=False)
        os._exit(9)
    os.waitpid(child, 0)
    started = time.monotonic()
    ours = Lock(tmp_path / ".lock")
    assert ours.acquire(wait=False)
    assert time.monotonic() - started < 2
    ours.release()


@pytest.mark.parametrize("content", [b"", b"0", bytes(40)])
def test_a_lease_whose_process_died_while_it_wrote_it_is_no_lease(tmp_path, content):
    """Killed between the making of the file and its content: tests/heavy/test_crash.py found the empty one."""
    (tmp_path / ".lock.lease").write_bytes(content)
    ours = Lock(tmp_path / ".lock")
    assert ours.acquire(wait=False)
    ours.release()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """``elsewhere()``: the lease is that of another machine, which the file system's lock does not tell of."""
    monkeypatch.setattr(lock, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.2)

    def make() -> Path:
        owner = Lock(tmp_path / ".lock")
        owner.acquire(wait=False)
        marker = tmp_path / ".lock.lease"
        text = marker.read_text()
        owner.release()
        assert socket.gethostname() in text
        marker.write_text(text.replace(socket.gethostname(), "another-machine"))
        return marker

    return make


def test_a_silent_owner_on_another_machine_is_succeeded_after_a_while(tmp_path, elsewhere):
    elsewhere()
    started = time.monotonic()
    ours = Lock(tmp_path / ".lock")
    assert ours.acquire(wait=False)
    assert time.monotonic() - started >= 0.6
    ours.release()


def test_an_owner_that_lives_on_another_machine_keeps_the_run(tmp_path, elsewhere):
    marker, over = elsewhere(), threading.Event()

    def live() -> None:
        while not over.wait(0.1):
            os.utime(marker)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        assert not Lock(tmp_path / ".lock").acquire(wait=False)
    finally:
        over.set()
        thread.join()


def test_an_owner_that_slept_too_long_finds_out_before_it_writes(tmp_path, elsewhere):
    ours = Lock(tmp_path / ".lock")
    assert ours.acquire(wait=False)
    ours.check()
    marker = tmp_path / ".lock.lease"
    text = marker.read_text()
    marker.unlink()
    marker.write_text(text)  # as a successor does
    deadline = time.monotonic() + 10
    while ours._lease.compromise is None and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(UserError, match="is now computed by another machine"):
        ours.check()
    ours.release()


def test_where_the_file_system_has_no_flock_a_run_still_has_one_owner(tmp_path, monkeypatch):
    def missing(*arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(_unix.fcntl, "flock", missing)
    first, second = Lock(tmp_path / ".lock"), Lock(tmp_path / ".lock")
    with pytest.warns(UserWarning, match="flock not supported"):
        owned = first.acquire(wait=False), second.acquire(wait=False)
    assert owned == (True, False)
    first.release()
