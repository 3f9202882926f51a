"""Each command finds the folder of the user's own options, as a run does."""

import re
import sys
import traceback

import pytest

from alrun.commands import console, plan, report, results, status
from alrun.settings.planned_runs import runs_of_command
from alrun.system.errors import UserError

MODULES = {"plan": plan, "status": status, "results": results, "report": report}


@pytest.fixture
def answer(tmp_path, monkeypatch, capsys):
    """``answer("plan", "strategy=...")``: what a command prints, typed beside a folder of one's own options."""
    (tmp_path / "it's" / "strategy").mkdir(parents=True)
    (tmp_path / "it's" / "strategy" / "mine.yaml").write_text("_target_: alrun.strategies.uncertainty.Margin\n")
    monkeypatch.chdir(tmp_path)

    def typed(name: str, *words: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *words])
        try:
            MODULES[name].main()
        except SystemExit as end:
            print(end)
        return capsys.readouterr().out

    return typed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("plan strategy=mine --runs", "missing  outputs/runs/digits-small_cnn"),
        ("plan -m strategy=mine,random --runs", "strategy=mine"),
        ("status -m strategy=mine seed=0,1", "2 runs: 2 waiting."),
        ("results strategy=mine", "/mine-"),
        ("report strategy=mine", "no run is finished"),
    ],
)
def test_ones_own_options_are_known_to_all_commands(answer, words, expected):
    name, *rest = words.split()
    told = answer(name, "--config-dir", "it's", *rest)
    assert expected in told
    assert "strategy=mine: there is no such option" in answer(name, *rest)


def test_what_is_typed_next_names_the_folder(answer):
    told = answer("status", "--config-dir", "it's", "strategy=mine")
    assert (
        told.splitlines()[-1] == """To compute what is missing: python -m alrun --config-dir 'it'"'"'s' strategy=mine"""
    )


def test_a_folder_that_is_none_is_told(answer):
    assert "--config-dir elsewhere must be a folder" in answer("plan", "--config-dir", "elsewhere", "strategy=mine")


def test_a_plan_of_the_papers_experiments_has_their_hours_at_its_size_at_every_scale():
    """Eight hours a run at 25,000 labels, by the paper's Table 12; the first round adds minutes."""
    found = {}
    for scale in ("paper", "small"):
        words = ["experiment=reset_update/cifar10", "strategy=entropy", "model_update=reset", f"scale={scale}"]
        found[scale] = [plan.at_paper_size(run) for run in runs_of_command([*words, "seed=0,1,2"])]
        told = plan.plan([*words, "seed=0,1,2"])
        assert re.search(rf"hours at scale=paper\n.* {sum(found[scale]):.0f}$", told), told
    assert len(found["paper"]) == 3
    assert 7.4 < found["paper"][0] < 8.0
    assert found["small"] == pytest.approx(found["paper"], rel=0.02)
    assert "2 runs of other networks" in plan.plan(["experiment=baseline/mnist", "strategy=random", "seed=0,1"])
    assert "scale=paper" not in plan.plan(["experiment=quickstart"])


def ended_by(error: BaseException) -> BaseException:
    """How a command ends in which ``error`` is raised."""
    with pytest.raises(BaseException) as end, console.reporting_mistakes():  # noqa: PT011
        raise error
    return end.value


def test_a_mistake_is_a_sentence_an_interruption_a_word_and_anything_else_a_traceback_to_report(capsys):
    refused = ended_by(UserError("seed=x must be a number."))
    assert (type(refused), refused.args) == (SystemExit, ("alrun: seed=x must be a number.",))  # a text: status 1
    interrupted = ended_by(KeyboardInterrupt())
    assert (type(interrupted), interrupted.args) == (SystemExit, (130,))
    assert capsys.readouterr().err == "Interrupted.\n"
    unexpected = ended_by(RuntimeError("a tensor has no shape"))
    assert type(unexpected) is RuntimeError
    lines = "".join(traceback.format_exception(unexpected))
    assert "Traceback" in lines
    assert "Please report it in the issues of alrun's repository, with this traceback, the command line" in lines


def test_rows_are_told_in_columns_and_what_is_empty_is_left_out():
    assert console.format_columns([{"run": "a\nb", "why": "", "left": 2.5}, {"run": "c", "why": "", "left": 10}]) == [
        "run   left",
        r"a\nb  2.5",
        "c     10",
    ]
    assert console.format_columns([]) == []
