"""What a run and a sweep tell to type next can be typed."""

import shlex
from pathlib import Path

import pytest

from alrun.commands import next_step
from alrun.settings import planned_runs


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("strategy=badge seed=1", "strategy=random seed=1"),
        (
            "--config-dir conf strategy=power strategy@strategy.inner=bald strategy.x=2",
            "--config-dir conf strategy=random",
        ),
        ("embeddings@strategy.embeddings=timm strategy=typiclust +strategy.x=1", "strategy=random"),
        ("seed=1 'name=my strategy' --config-dir conf", "strategy=random seed=1 'name=my strategy' --config-dir conf"),
        ("--config-dir conf seed=1 allow=[mine]", "--config-dir conf strategy=random seed=1 allow=[mine]"),
    ],
)
def test_a_run_without_a_reference_is_followed_by_the_random_run_of_its_setting(typed, expected):
    command = shlex.split(next_step.after_run(Path("outputs/runs/a/badge-1-seed0"), False, shlex.split(typed)))
    assert command == ["python", "-m", "alrun", *shlex.split(expected)]


def test_that_command_computes_the_reference():
    typed = ["strategy=power", "strategy@strategy.inner=margin", "seed=1", "debug=fast"]
    (run,) = planned_runs.runs_of_command(typed)
    command = shlex.split(next_step.after_run(run.folder, False, typed))
    (reference,) = planned_runs.runs_of_command(command[3:])
    assert reference.folder.parent == run.folder.parent
    assert reference.folder.name.startswith("random-")
    assert reference.folder.name.endswith("-seed1")


def test_a_run_with_a_reference_and_a_sweep_are_followed_by_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [tmp_path / "runs" / setting / f"badge-1-seed{seed}" for setting in ("a", "b c") for seed in (0, 1)]
    assert next_step.after_run(folders[0], True, ["seed=0"]) == "python -m alrun report runs/a"
    assert next_step.after_sweep(folders, ["-m", "seed=0,1"]) == "python -m alrun report runs/a 'runs/b c'"
    typed = ["-m", "experiment=quickstart", "scale=small"]
    assert next_step.after_sweep(folders, typed) == "python -m alrun report experiment=quickstart scale=small"
