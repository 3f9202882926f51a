"""The same run twice, several runs that share caches, and locks of processes that are gone or elsewhere."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from filelock import _unix

from alrun import lock
from alrun.errors import UserError
from alrun.lock import Lock
from crash_cases.many import together
from crash_cases.runs import TinyRun, fork, prepare


def test_processes_on_the_same_runs_do_everything_once(tmp_path):
    """A small version of scripts/concurrency_test.py."""
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
    runs = [TinyRun.composed("strategy=random", f"seed={seed}") for seed in range(3)]
    trained = together(runs, 1, tmp_path / "together", elsewhere=True)
    assert set(trained.values()) == {1}
    assert len(trained) == 1 + 2 * 3
    assert all((tmp_path / "together" / run.place / "done").exists() for run in runs)


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
    """Killed between the making of the file and its content: scripts/crash_test.py found the empty one."""
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
