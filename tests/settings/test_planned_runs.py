"""Which runs a command line asks for, against Hydra's composition of every single one; and the plan of them."""

import itertools
import os
from pathlib import Path

import pytest

from alrun.commands import plan
from alrun.runs.run_folder import RESULTS, SILENCE, run_state
from alrun.settings import planned_runs

SWEEP = ["experiment=redundancy/duplicate", "redundancy.factor=2,5", "scale=small"]


def test_the_runs_of_a_sweep_are_those_of_single_command_lines(composed):
    runs = planned_runs.runs_of_command(SWEEP)
    expected = []
    for factor, strategy, seed in itertools.product((2, 5), ("random", "entropy", "badge"), (0, 1, 2)):
        single = [f"redundancy.factor={factor}", f"strategy={strategy}", f"seed={seed}", SWEEP[0], SWEEP[2]]
        cfg = composed(*single, hydra=True)
        expected.append((Path(cfg.hydra.run.dir), tuple(single)))
    assert [(run.folder, run.overrides) for run in runs] == expected
    assert [run.seed for run in runs] == [0, 1, 2] * 6  # though the three of a setting share one composition
    assert len({id(run.cfg) for run in runs}) == 6


def test_without_a_sweep_there_is_one_run(composed):
    (run,) = planned_runs.runs_of_command(["strategy=random", "seed=3"])
    assert run.folder == Path(composed("strategy=random", "seed=3", hydra=True).hydra.run.dir)
    assert len(planned_runs.runs_of_command(["strategy=random", "hydra.mode=MULTIRUN", "seed=range(4)"])) == 4


def test_the_chosen_options_are_told_for_experiments_that_sweep_too():
    assert planned_runs.chosen_options(["experiment=redundancy/duplicate"])["dataset"] == "cifar10"
    assert planned_runs.chosen_options(["experiment=baseline/svhn_vgg19", "scale=small"])["model"] == "vgg19"


def make(folder: Path, *names: str, seconds: float = 0.0) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    if seconds:
        timing = f"round,labeled,train_seconds,evaluate_seconds,select_seconds\n0,20,{seconds - 60},50,10\n"
        (folder / "timing.csv").write_text(timing)


def test_the_state_of_a_run_is_that_of_its_folder(tmp_path):
    assert run_state(tmp_path / "a") == "missing"
    make(tmp_path / "b", "state-1.pt")
    assert run_state(tmp_path / "b") == "begun"
    make(tmp_path / "c", "state-1.pt", "failed.txt")
    assert run_state(tmp_path / "c") == "failed"
    make(tmp_path / "d", "done", *RESULTS)
    assert run_state(tmp_path / "d") == "done"
    make(tmp_path / "e", "state-1.pt", ".lock.lease")
    assert run_state(tmp_path / "e") == "running"
    long_ago = os.stat(tmp_path / "e").st_mtime - 2 * SILENCE
    os.utime(tmp_path / "e" / ".lock.lease", (long_ago, long_ago))
    assert run_state(tmp_path / "e") == "begun"  # its process died


def test_a_plan_counts_states_and_takes_hours_from_siblings(tmp_path):
    where = f"paths.outputs={tmp_path}"
    runs = {run.overrides[:2]: run.folder for run in planned_runs.runs_of_command(["experiment=quickstart", where])}
    make(runs["strategy=random", "seed=0"], "done", *RESULTS, seconds=3600)
    make(runs["strategy=badge", "seed=0"], "done", *RESULTS, seconds=7200)
    make(runs["strategy=badge", "seed=1"], "state-1.pt", seconds=1800)
    make(runs["strategy=badge", "seed=2"], "failed.txt")
    text = plan.plan(["experiment=quickstart", where], each=True)
    row = text.splitlines()[1].split()
    # random: 2 runs of 1 h; badge: 2 h less the half hour that is done, and 2 h; entropy: 3 of (1 + 2) / 2 h.
    assert row == ["quickstart", "9", "2", "1", "1", "5", "10.0"]
    assert "  failed   " in text
    assert len(text.splitlines()) == 2 + 9


def test_runs_that_two_experiments_share_are_counted_once(tmp_path):
    where = [f"paths.outputs={tmp_path}", "scale=smoke", "seed=0"]
    text = plan.plan(["experiment=optimizer/cifar10,augmentation/resnet18", *where])
    first, second, total = (line.split()[:-1] for line in text.splitlines()[1:])  # without the hours at paper's size
    assert first == ["optimizer/cifar10", "6", "6", "6", "runs", "unmeasured"]
    assert second == ["augmentation/resnet18", "6", "6", "3", "3", "runs", "unmeasured"]
    assert total == ["distinct", "runs", "9", "9", "9", "runs", "unmeasured"]


def test_a_mistake_in_a_plan_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["plan", "experiment=quickstrat"])
    with pytest.raises(SystemExit) as stop:
        plan.main()
    assert "did you mean quickstart?" in str(stop.value)


def test_a_plan_counts_what_would_be_refused_and_says_why():
    words = ["strategy=entropy", "model=small_cnn", "strategy.dropout_samples=0,3", "hydra.mode=MULTIRUN"]
    *_, row, last = plan.plan(words).splitlines()
    assert row.split()[:3] == ["these", "runs", "2"]
    assert last.startswith("1 of 2 runs would be refused here: strategy.dropout_samples=3: model=small_cnn has no drop")
    assert "refused" not in plan.plan(["strategy=entropy"])
