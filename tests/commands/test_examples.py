"""Every example of every ``--help`` can be typed, and what only looks imports no torch."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from alrun import __main__
from alrun.commands import speed
from alrun.settings import planned_runs
from alrun.system.moved import SUBCOMMANDS

# Commands whose examples need more than a folder of runs, and where they are tested.
ELSEWHERE = {
    "advise": "tests/commands/test_advise.py, with labels of people",
    "ask": "tests/runs/test_labeling.py, with photos",
    "embed": "tests/features/test_store.py, with a network made on the spot",
    "check": "tests/commands/test_check.py",
    "export": "tests/commands/test_export.py",
    "forecast": "tests/commands/test_forecast.py",
    "label": "tests/annotate/test_server.py, with a browser",
    "merge": "tests/commands/test_merge.py, with tables of two people",
    "new": "tests/commands/test_new.py",
    "paper": "tests/analysis/paper/test_exhibits.py; it composes hundreds of runs",
    "select": "tests/loop/test_selection_parts.py, with vectors",
    "tell": "tests/runs/test_labeling.py, with photos",
}


def examples(name: str) -> list[str]:
    documentation = import_module(f"alrun.commands.{name}").__doc__ or ""
    return re.findall(r"^    (?:python -m )?alrun (.*)$", documentation, re.MULTILINE)


@pytest.fixture
def outputs(complete, tmp_path, monkeypatch) -> Path:
    """A folder with a finished run, which stands there as one of experiment=quickstart as well."""
    monkeypatch.chdir(tmp_path)
    made = complete("strategy=random", "limit=200", "model.width=2", "paths.outputs=outputs")
    (planned, *_) = planned_runs.runs_of_command(["experiment=quickstart", "strategy=random"])
    shutil.copytree(made, planned.folder)
    return tmp_path / "outputs"


def test_every_command_has_an_example():
    assert all(examples(name) for name in SUBCOMMANDS)


def test_every_example_of_help_can_be_typed(outputs, monkeypatch, capsys):
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    for name in SUBCOMMANDS:
        for words in examples(name):
            if name in ELSEWHERE:
                continue
            monkeypatch.setattr(sys, "argv", ["alrun", *shlex.split(words)])
            assert not status_of(__main__.main), words
            assert capsys.readouterr().out.strip(), words


def status_of(program: Callable[[], None]) -> object:
    try:
        program()
    except SystemExit as end:
        return end.code
    return None


LOOK = (
    "--help",
    "help",
    "help settings",
    "help strategy",
    "status",
    "status seed=0",
    "plan seed=0",
    "results",
    "report",
)
PROBE = """
import sys
from alrun.__main__ import main
for line in sys.argv[1:]:
    sys.argv = ["alrun", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, f"{line}: {end.code}"
    assert "torch" not in sys.modules, f"{line} imports torch"
    first = line.split()[0]
    heavy = {"numpy", "pandas", "matplotlib", "sklearn"} & sys.modules.keys()
    if first == "plan":
        heavy -= {"numpy"}  # with the checks of a run's settings
    assert not heavy or first not in ("--help", "help", "status", "plan"), f"{line} imports {heavy}"
    assert "hydra" not in sys.modules or line not in ("--help", "help"), f"{line} imports hydra"
import alrun.analysis.paper.make
assert "torch" not in sys.modules, "paper index imports torch"
"""


def test_what_looks_at_runs_imports_no_torch(outputs):
    """One process for all, in order of what they may import: the first line that imports too much is named."""
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, *LOOK, "paper --help"],
        cwd=outputs.parent,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
