"""A run that is killed anywhere, or told to stop, and started again ends like one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alrun import checkpoint, cli, interruption
from alrun.interruption import EXIT_CODE, Interrupted
from crash_cases.runs import CASES, TinyRun, dies_at, dies_at_random, fork, prepare, write_points

LOST = ("nothing", "data", "renames")


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_write_a_run_ends_as_if_it_had_not_been(tmp_path, case):
    """A sample of what scripts/crash_test.py does in full; the sample moves on with the day."""
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
    """Nothing that a run leaves was written past alrun.files, so that the harness has missed nothing."""
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

    def is_due(keeper: checkpoint.Keeper) -> bool:
        nonlocal steps
        steps += 1
        return steps % 3 == 0  # each life takes two steps more than are lost

    def save(keeper: checkpoint.Keeper, content: dict) -> None:
        saved(keeper, content)
        raise Interrupted

    saved = checkpoint.Keeper.save
    monkeypatch.setattr(checkpoint.Keeper, "is_due", property(is_due))
    monkeypatch.setattr(checkpoint.Keeper, "save", save)
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
    ("mode", "number"), [([], signal.SIGTERM), (["-m", "seed=0,1"], signal.SIGUSR1), ([], signal.SIGUSR2)]
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
    assert "the same command goes on from there" in log


def test_the_handler_of_a_launcher_is_called_after_the_checkpoint(monkeypatch):
    calls = []
    monkeypatch.setattr(interruption, "_previous", {signal.SIGUSR2: lambda *arguments: calls.append(arguments)})
    monkeypatch.setattr(interruption, "_received", None)
    with interruption.running(), interruption.deferred():
        interruption._handle(signal.SIGUSR2, None)
        assert interruption.received() == signal.SIGUSR2
        assert calls == []
        interruption.check()
    assert calls == [(signal.SIGUSR2, None)]
    assert interruption.received() is None  # it came back: the run goes on
