"""A run that is killed anywhere, or told to stop, and started again ends like one that was not."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alrun.commands import cli
from alrun.data.dataset import ImageData
from alrun.system import interruption
from alrun.system.interruption import EXIT_CODE, Interrupted
from alrun.training.keeper import Keeper
from tests.heavy.crash_cases.runs import CASES, TinyRun, dies_at, dies_at_random, fork, prepare, write_points

LOST = ("nothing", "data", "renames")


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_write_a_run_ends_as_if_it_had_not_been(tmp_path, case):
    """A sample of what tests/heavy/test_crash.py does in full; the sample moves on with the day."""
    prepare()
    run = TinyRun.composed(*CASES[case])
    points = write_points(run, tmp_path)
    expected = run.results(tmp_path / "whole")
    draws = random.Random(time.strftime("%Y-%m-%d"))
    for what in LOST:
        for point in (draws.randrange(1, 1 + len(points)), draws.randrange(1, 1 + len(points))):
            assert dies_at(run, tmp_path, point, what) == expected, (what, point, points[point - 1])
    deaths, results = dies_at_random(run, tmp_path, 0.4, draws)
    assert deaths
    assert results == expected


def test_the_simulated_power_cut_would_show_a_missing_fsync(tmp_path):
    prepare()
    run = TinyRun.composed(*CASES["badge"])
    points = write_points(run, tmp_path)
    renamed = [number for number, what in enumerate(points, 1) if what.startswith("os.link .state-")]
    point = renamed[1] + 2  # what was renamed before is there, its data are not
    assert dies_at(run, tmp_path, point, "data") == run.results(tmp_path / "whole")
    with pytest.raises(AssertionError, match="ended with 1"):
        dies_at(run, tmp_path, point, "data", broken=True)


def test_every_write_of_a_run_is_a_place_of_death(tmp_path):
    """Nothing that a run leaves was written past alrun.system.files, so that the harness has missed nothing."""
    run = TinyRun.composed(*CASES["badge"])
    points = write_points(run, tmp_path)
    opened = {what.split()[1] for what in points if what.startswith("open ")}
    others = {name for name in opened if not name.endswith(".part") and ".lock" not in name}
    assert others == set()
    assert len(points) > 300


@pytest.mark.parametrize("case", CASES)
def test_told_to_stop_a_run_stops_after_any_step_and_goes_on_there(tmp_path, monkeypatch, case):
    prepare()
    run = TinyRun.composed(*CASES[case], "runtime.checkpoint_minutes=null")
    run.complete(tmp_path / "whole")
    steps = 0

    def is_due(keeper: Keeper) -> bool:
        nonlocal steps
        steps += 1
        return steps % 3 == 0  # each life takes two steps more than are lost

    def save(keeper: Keeper, content: dict) -> None:
        saved(keeper, content)
        raise Interrupted

    saved = Keeper.save
    monkeypatch.setattr(Keeper, "is_due", property(is_due))
    monkeypatch.setattr(Keeper, "save", save)
    lives = 0
    while not (tmp_path / "stopped" / run.place / "done").exists():
        lives += 1
        try:
            run.complete(tmp_path / "stopped")
        except Interrupted:
            continue
    assert lives > 3
    assert run.results(tmp_path / "stopped") == run.results(tmp_path / "whole")


LONG = [
    "debug=fast",
    "training.max_epochs=100000",
    "training.stop_accuracy=null",
    "training.patience=null",
    "model.width=2",
    "runtime.checkpoint_minutes=0",
]


def stopped(arguments: list[str], cwd: Path, number: int) -> int:
    """Exit status of the command line that is sent a signal once it has written a checkpoint."""
    child = fork()
    if child == 0:
        os.chdir(cwd)
        sys.argv = ["alrun", *arguments]
        try:
            cli.main()
        except SystemExit as end:
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)
    while not list(cwd.glob("outputs/**/*training.pt")):
        time.sleep(0.01)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    ("mode", "number"), [([], signal.SIGTERM), (["-m", "seed=0,1"], signal.SIGUSR1), ([], signal.SIGHUP)]
)
def test_a_signal_ends_run_and_sweep_with_a_status_of_its_own(tmp_path, mode, number):
    assert stopped([*mode, *LONG], tmp_path, number) == EXIT_CODE
    assert not list(tmp_path.glob("outputs/**/done"))
    assert not list(tmp_path.glob("outputs/**/failed.txt"))


def test_a_signal_reaches_the_processes_of_a_sweep_that_runs_several_at_once(tmp_path):
    command = [sys.executable, "-m", "alrun", "-m", *LONG, "strategy=random", "at_once=two", "initial_seed=1,2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("outputs/cache/**/*training.pt"))) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.terminate()
    _, log = process.communicate()
    assert process.returncode == EXIT_CODE, log
    assert "the same command continues from there" in log


def in_child(work: Callable[[], object]) -> int:
    """Exit status of a forked process that does ``work``."""
    child = fork()
    if child == 0:
        status = 99
        try:
            work()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_hang_up_that_is_to_be_ignored_is(tmp_path):
    """``nohup python -m alrun``: its terminal may be closed."""

    def work() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        interruption.install_handlers()
        os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.received() is None
        assert signal.getsignal(signal.SIGTERM) is interruption._handle

    assert in_child(work) == 0


def test_what_is_written_to_a_terminal_that_was_closed_is_no_error():
    master, terminal = os.openpty()

    def work() -> None:
        os.dup2(terminal, 2)
        interruption.install_handlers()
        os.close(terminal)
        os.kill(os.getppid(), 0)
        time.sleep(0.3)  # the other end is closed meanwhile
        try:
            os.write(2, b"lost")
        except OSError:
            with interruption.running(), interruption.deferred():
                os.kill(os.getpid(), signal.SIGHUP)
                os.write(2, b"nowhere")
                sys.exit(7)

    child = fork()
    if child == 0:
        os.close(master)
        os._exit(in_child(work))
    os.close(terminal)
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("swallowed", [False, True])
def test_told_to_stop_while_data_load_a_run_says_so_whatever_the_signal_broke(tmp_path, monkeypatch, swallowed):
    def load(data: ImageData, *sizes: int) -> ImageData:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except BaseException:
            if not swallowed:
                raise
        raise RecursionError("maximum recursion depth exceeded")

    def work() -> None:
        monkeypatch.setattr(ImageData, "thinned", load)
        monkeypatch.setattr(sys, "argv", ["alrun", "debug=fast"])
        os.chdir(tmp_path)
        cli.main()

    assert in_child(work) == EXIT_CODE
    assert not list(tmp_path.glob("outputs/**/failed.txt"))


def is_alive(process: int) -> bool:
    """Whether a process is there that does anything."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_workers_of_a_sweep_end_when_the_process_that_was_typed_is_killed(tmp_path):
    command = [sys.executable, "-m", "alrun", "-m", *LONG, "strategy=random", "at_once=two", "initial_seed=1,2"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob("outputs/cache/**/*training.pt"))) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    found = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = [int(child) for path in found for child in path.read_text().split()]
    assert len(children) >= 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if is_alive(child)]


def test_a_worker_looks_after_its_parent_where_the_system_does_not(tmp_path):
    note = tmp_path / "child"

    def work() -> None:
        parent = os.getpid()
        child = fork()
        if child == 0:
            threading.Thread(target=interruption._watch, args=[parent], daemon=True).start()
            note.write_text(str(os.getpid()))
            time.sleep(60)
            os._exit(0)
        while not note.exists() or not note.read_text():
            time.sleep(0.01)
        os.kill(parent, signal.SIGKILL)

    assert in_child(work) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while is_alive(int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(note.read_text()))


def test_the_handler_of_a_launcher_is_called_after_the_checkpoint(monkeypatch):
    calls = []
    monkeypatch.setattr(interruption, "_previous", {signal.SIGUSR2: lambda *arguments: calls.append(arguments)})
    monkeypatch.setattr(interruption, "_received", None)
    with interruption.running(), interruption.deferred():
        interruption._handle(signal.SIGUSR2, None)
        assert interruption.received() == signal.SIGUSR2
        assert calls == []
        interruption.stop_if_signaled()
    assert calls == [(signal.SIGUSR2, None)]
    assert interruption.received() is None  # it came back: the run goes on
