"""A run that is killed at any of its writes, or between them, and started again ends like one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alrun import files
from alrun.run import run

SETTINGS = (
    "model.dropout=0.3",
    "budget.seed_size=20",
    "budget.batch_size=20",
    "budget.total=80",
    "training.max_epochs=3",
    "runtime.device=cpu",
    "runtime.threads=1",
    "runtime.memory_format=contiguous",
)
COMPARED = ("accuracy.csv", "queries.csv", "labeling_efficiency.csv")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in alrun catches it."""


def complete(composed, where: Path, *overrides: str) -> dict[str, bytes]:
    cfg = composed(*SETTINGS, f"paths.outputs={where}", *overrides, hydra=True)
    choices = {group: str(option) for group, option in cfg.hydra.runtime.choices.items()}
    run_dir = Path(cfg.hydra.run.dir)
    run(cfg, run_dir, choices)
    return {name: (run_dir / name).read_bytes() for name in COMPARED}


@pytest.mark.parametrize("update", ["reset", "update"])
@pytest.mark.parametrize("strategy", ["badge", "entropy"])
def test_killed_at_every_write_a_run_ends_as_if_it_had_not_been(composed, tmp_path, monkeypatch, update, strategy):
    overrides = (f"model_update={update}", f"strategy={strategy}")
    if strategy == "entropy":
        overrides += ("strategy.dropout_samples=2",)
    expected = complete(composed, tmp_path / "whole", *overrides)
    replace, writes, budget = os.replace, 0, 0

    def mortal(source, target):
        nonlocal writes
        writes += 1
        if writes > budget:  # before the file appears: the temporary one is lost
            raise Killed
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", mortal)
    kills, got = 0, None
    while got is None:
        # Each life gets one write more than the last one managed to make, so every write is a place of death.
        budget, writes = budget + 1, 0
        try:
            got = complete(composed, tmp_path / "killed", *overrides)
        except Killed:
            kills += 1
    assert kills > 8
    assert got == expected


def test_sigkill_at_any_moment_leaves_a_run_that_goes_on(composed, tmp_path):
    """The real thing, once: the process is killed when its checkpoint changes, at a different delay each time."""
    command = [sys.executable, "-m", "alrun", *SETTINGS, "model_update=update"]
    command[command.index("training.max_epochs=3")] = "training.max_epochs=40"
    subprocess.run([*command, f"paths.outputs={tmp_path / 'whole'}"], check=True, capture_output=True)
    results = sorted((tmp_path / "whole").glob("runs/*/*/accuracy.csv"))
    (tmp_path / "killed").mkdir()
    lives = 0
    while not list((tmp_path / "killed").glob("runs/*/*/done")):
        lives += 1
        process = subprocess.Popen(
            [*command, f"paths.outputs={tmp_path / 'killed'}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = stamp(tmp_path / "killed")
        while process.poll() is None and stamp(tmp_path / "killed") == before:
            time.sleep(0.002)
        time.sleep(0.02 * lives)
        if lives < 4:
            process.send_signal(signal.SIGKILL)
        assert process.wait() in (0, -signal.SIGKILL)
    assert lives > 2
    assert results
    for path in results:
        for name in COMPARED:
            twin = tmp_path / "killed" / path.relative_to(tmp_path / "whole").parent / name
            assert twin.read_bytes() == (path.parent / name).read_bytes()


def stamp(outputs: Path) -> list[int]:
    return [path.stat().st_mtime_ns for path in outputs.glob("runs/*/*/state.pt")]
