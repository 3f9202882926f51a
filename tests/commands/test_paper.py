"""The command of the paper's figures: its stand-ins, and every experiment from end to end, at the smallest scale."""

import os
import re
import subprocess
import sys

import pytest
from hydra.errors import MissingConfigException

from alrun.analysis.paper import collect
from alrun.commands import paper
from alrun.runs.run_folder import run_state
from alrun.settings.planned_runs import paper_experiments, runs_of_command
from alrun.system.errors import UserError


@pytest.mark.parametrize(("experiment", "data"), [("cifar100", "tinyimagenet100"), ("svhn", "mnist_for_svhn")])
def test_data_that_stand_in_are_no_public_options_and_are_found_where_they_are_asked_for(experiment, data, tmp_path):
    asked = collect.Asked(tuple(paper.with_stand_ins([f"paths.outputs={tmp_path}"])), stand_ins=True)
    (run,) = runs_of_command([*collect.line_of(f"baseline/{experiment}", asked, "strategy=random"), "seed=0"])
    assert run.folder.parent.name.startswith(f"{data}-resnet18-")
    assert run.cfg.budget.total == runs_of_command([f"experiment=baseline/{experiment}", "seed=0"])[0].cfg.budget.total
    with pytest.raises(MissingConfigException, match=f"dataset/{data}"):
        runs_of_command([f"dataset={data}"])


def test_stand_ins_are_found_beside_options_of_a_users_own(tmp_path):
    (tmp_path / "my, 'conf'" / "model").mkdir(parents=True)
    (tmp_path / "my, 'conf'" / "model" / "mine.yaml").write_text("_target_: alrun.models.SmallCnn\n")
    given = paper.console.with_config_dir(["seed=1"], str(tmp_path / "my, 'conf'"))
    (run,) = runs_of_command([*paper.with_stand_ins(given), "dataset=tinyimagenet100", "model=mine"])
    assert run.folder.parent.name.startswith("tinyimagenet100-mine-")


def test_an_installation_without_the_repository_says_where_stand_ins_are(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "STAND_INS", tmp_path / "benchmarks" / "conf")
    with pytest.raises(UserError, match=r"benchmarks/conf of alrun's repository, which is not here"):
        paper.with_stand_ins([])


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_all_experiments_run_to_the_end(real_data, tmp_path):
    """As make paper SCALE=smoke STAND_INS=1, with one strategy: the others have tests of their own."""
    settings = ["scale=smoke", "seed=0", "strategy=badge", "at_once=two"]
    quick = ["runtime.threads=1", "runtime.memory_format=contiguous", "runtime.device=cpu"]
    command = [sys.executable, "-m", "alrun", "paper", "all", "--stand-ins", *settings, *quick]
    answer = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "ALRUN_DATA": str(real_data)}, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr[-3000:] + answer.stdout[-1000:]
    experiments = paper_experiments()
    assert re.findall(r"^experiment=(\S+)", answer.stdout, re.MULTILINE) == experiments
    outcomes = re.findall(r"(\d+) of (\d+) runs are done", answer.stdout)
    assert len(outcomes) == len(experiments)
    assert all(done == asked for done, asked in outcomes)
    runs = list(tmp_path.glob("outputs/runs/*/badge-*"))
    assert len(runs) < sum(int(asked) for _, asked in outcomes)  # sections share some
    assert all(run_state(run) == "done" for run in runs)


@pytest.mark.parametrize("function", ["facility_location", "dispersion_min"])
def test_seed_sets_of_stand_ins_read_the_network_before_its_training(function):
    words = collect.line_of("seed_set/cifar10", collect.Asked((), stand_ins=True))
    (option,) = (each for each in words if each.startswith("seed_set="))
    assert f"{function}_untrained" in option.partition("=")[2].split(",")
    (run,) = runs_of_command(paper.with_stand_ins([f"seed_set={function}_untrained"]))
    chosen = run.cfg.seed_set
    assert chosen.function == function
    assert chosen.embeddings._target_.endswith(".FromClassifier")
