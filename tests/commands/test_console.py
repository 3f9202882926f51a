"""Every command finds a folder of one's own options as ``python -m alrun`` does."""

import sys

import pytest

from alrun.commands import plan, report, results, status

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
