"""A window on a GPU, on a CPU: its limit, what it leaves, what the next one goes on with, and the page."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from alrun.settings import planned_runs
from benchmarks.gpu import window as gpu_window
from benchmarks.gpu.stages import Command, Window
from docs.generate import gpu_page

ONE_RUN = "- {what: one run, overrides: [experiment=baseline/cifar10, strategy=random, seed=0]}"
PYTHON = [sys.executable, "-S", "-c"]


def started(monkeypatch, tmp_path: Path, out: str, *words: str) -> int:
    """Exit status of a window on the CPU with one run to compute."""
    (tmp_path / "priority.yaml").write_text(ONE_RUN)
    places = {"out": tmp_path / out, "outputs": tmp_path / "outputs", "results": tmp_path / "results"}
    options = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    priority = ["--priority", str(tmp_path / "priority.yaml")]
    monkeypatch.setattr(sys, "argv", ["window.py", "--dry-run", *options, *priority, *words])
    with pytest.raises(SystemExit) as end:
        gpu_window.main()
    return int(end.value.code or 0)


@pytest.mark.heavy  # it trains, times and selects: a minute and more
@pytest.mark.timeout(1800)
def test_a_dry_run_goes_through_all_stages_and_the_next_window_has_nothing_left_to_do(monkeypatch, tmp_path):
    assert started(monkeypatch, tmp_path, "results/first", "--minutes", "10") == 0
    out = tmp_path / "results" / "first"
    record = json.loads((out / "window.json").read_text())
    assert [(each["stage"], each["name"].partition("/")[0][:8], each["ended"]) for each in record["commands"]] == [
        ("correctness", "correctn", "done"),
        ("strategies", "strategi", "done"),
        ("selection", "selectio", "done"),
        ("training", "training", "done"),
        ("runs", "digits-s", "done"),
    ]
    assert record["versions"]["torch"]
    assert {path.name for path in out.iterdir()} == {
        *("window.json", "log.txt", "correctness.csv", "strategies.csv", "training.csv", "selection.csv", "runs.zip")
    }
    verdicts = (out / "correctness.csv").read_text()
    assert "skipped: needs a GPU" in verdicts
    assert "failed" not in verdicts
    shutil.rmtree(tmp_path / "outputs")  # another machine
    assert started(monkeypatch, tmp_path, "results/second", "--minutes", "10", "--stages", "runs") == 0
    assert json.loads((tmp_path / "results" / "second" / "window.json").read_text())["commands"] == []


def test_every_row_of_the_order_of_priority_is_a_command_that_alrun_takes():
    rows = OmegaConf.load(Path(gpu_window.__file__).with_name("priority.yaml"))
    folders = [planned_runs.runs_of_command([*row.overrides, "strategy=random", "seed=0"])[0].folder for row in rows]
    assert len(folders) == 11
    assert folders[0] == folders[1] == folders[3]  # the baseline is computed once for all sections that show it
    assert len(set(folders)) == 6


@pytest.mark.parametrize("deaf", [False, True])
def test_a_window_ends_inside_its_limit_whatever_its_commands_do(tmp_path, deaf):
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    endless = Command("endless", [*PYTHON, f"import signal, time; {ignore}time.sleep(600)"])
    window, began = Window(tmp_path, 0.05, {}), time.monotonic()
    packed = []
    assert window.run("runs", [endless, endless, endless], at_once=2, every=lambda: packed.append(1)) == [0, 0]
    assert time.monotonic() - began < 0.05 * 60 + 1
    assert packed
    record = json.loads((tmp_path / "window.json").read_text())
    assert [each["ended"] for each in record["commands"]] == ["stopped at the limit"] * 2


def test_a_signal_ends_a_window_at_once_and_a_failure_does_not(tmp_path):
    window = Window(tmp_path, 10, {})
    broken, fine = (
        Command("broken", [*PYTHON, "raise SystemExit(3)"]),
        Command("fine", [*PYTHON, "print('in the log')"]),
    )
    assert window.run("runs", [broken, fine]) == [3, 0]
    assert "in the log" in (tmp_path / "log.txt").read_text()
    window.close()
    began = time.monotonic()
    assert window.run("runs", [Command("late", [*PYTHON, "import time; time.sleep(600)"])]) == []
    assert time.monotonic() - began < 1


def test_without_a_window_the_page_says_so_and_a_dry_run_is_none(tmp_path):
    assert "Nothing has been measured on a GPU yet" in gpu_page.page(tmp_path)
    (tmp_path / "dry").mkdir()
    (tmp_path / "dry" / "window.json").write_text('{"dry_run": true}')
    assert "Nothing has been measured on a GPU yet" in gpu_page.page(tmp_path)
    committed = gpu_page.ROOT / "benchmarks" / "results" / "gpu"
    assert gpu_page.page(committed) == (gpu_page.ROOT / "docs" / "evidence" / "gpu.md").read_text(), "run make gpu-page"


OPTIONS = gpu_page.RECIPE | gpu_page.PLAIN | {"strategy": "badge"}
META = {
    "options": OPTIONS,
    "settings": {
        "budget": {"seed_size": 1000, "batch_size": 3000, "total": 25000},
        "training": {"reset": True},
        "dataset": {"source": "packed"},
    },
    "seed": 0,
    "precision": "tf32",
}


def window_of(tmp_path: Path, name: str, device: str, seconds: list[float]) -> None:
    """A window with one run's rounds; round r has 1,000 + 3,000 r labels and accuracy 0.5 + r / 10."""
    run_dir = tmp_path / name / "setting" / "badge-1-seed0"
    run_dir.mkdir(parents=True)
    timing = [f"{r},{1000 + 3000 * r},{value},1.0,2.5" for r, value in enumerate(seconds)]
    accuracy = [f"{r},{1000 + 3000 * r},{0.5 + r / 10}" for r in range(len(seconds))]
    columns = "round,labeled,train_seconds,evaluate_seconds,select_seconds"
    (run_dir / "timing.csv").write_text("\n".join([columns, *timing]))
    (run_dir / "accuracy.csv").write_text("\n".join(["round,labeled,test_accuracy", *accuracy]))
    (run_dir / "run.json").write_text(json.dumps(META))
    gpu_page.portable.pack_runs([run_dir], tmp_path / name / "runs.zip")
    versions = {"torch": "2.11", "cuda": "13.0"}
    record = {
        "dry_run": False,
        "device": device,
        "versions": versions,
        "commit": "c",
        "minutes": 10,
        "seconds": 90.0,
        "commands": [{"stage": "correctness", "ended": "done"}, {"stage": "runs", "ended": "stopped at the limit"}],
        "ended": "x",
        "at_once": 1,
    }
    (tmp_path / name / "window.json").write_text(json.dumps(record))


def test_the_page_sets_seconds_and_accuracies_beside_the_papers_with_the_hardware_of_each_round(tmp_path):
    window_of(tmp_path, "a", "GPU one", [10.0, 20.0])
    window_of(tmp_path, "b", "GPU two", [10.0, 20.0, 50.0])
    text = gpu_page.page(tmp_path)
    assert "| badge reset | train | 1 | 613.1 | 20.0 | GPU one, tf32 | 1 | 31 |" in text
    assert "| badge reset | train | 2 | 1339.1 | 50.0 | GPU two, tf32 | 1 | 27 |" in text
    assert "| badge reset | select | 1 | 620.5 | 2.5 | GPU one, tf32 | 1 | 250 |" in text
    assert "| badge | 3000 | 7000 | 83.4 ± 1.3 | 70.0 | 1 | JPEG-compressed | GPU two, tf32 |" in text
    assert "JPEG-compressed copies" in text
    assert "P100 or V100" in text
    assert "| GPU two | 2.11 | 13.0 | c | 1.5 of 10 | 1 | x | runs stopped at the limit |" in text
