"""A line to copy begins as the program was started, and a process starts where it was typed."""

import sys
from pathlib import Path

import pytest

from alrun.system import program


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["python", "-m", "alrun", "status"], "python -m alrun"),
        ([".venv/bin/python", "-X", "dev", "-m", "alrun"], ".venv/bin/python -m alrun"),
        (["/my python/bin/python", "-m", "alrun"], "'/my python/bin/python' -m alrun"),
        (["python", "{bin}/alrun", "status"], "alrun"),
        (["python", "elsewhere/bin/alrun", "status"], "elsewhere/bin/alrun"),
        (["python", "-m", "pytest", "alrun"], "python -m alrun"),
        (["python", "notebook.py", "-m", "other"], "python -m alrun"),
        (["python"], "python -m alrun"),
    ],
)
def test_the_words_that_started_it_are_repeated(tmp_path, monkeypatch, words, typed):
    script = tmp_path / "alrun"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "orig_argv", [word.format(bin=tmp_path) for word in words])
    assert program.typed_program() == typed
    assert program.command_line(["report", "my runs"]) == f"{typed} report 'my runs'"
    assert program.as_typed("alrun is\n    alrun help\n  alrun\n  of alrun") == (
        f"alrun is\n    {typed} help\n  {typed}\n  of alrun"
    )


def test_a_process_that_starts_elsewhere_finds_what_is_where_the_command_was_typed(tmp_path, monkeypatch):
    typed = tmp_path / "typed"
    typed.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["before"])
    for _ in range(2):
        program.start_in(str(typed))
    assert (Path.cwd(), sys.path) == (typed, ["before", str(typed)])
    program.start_in(str(tmp_path / "missing"))  # on another machine
    assert Path.cwd() == typed
