"""The files that ``alrun new`` writes work at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from alrun.commands.new import TRIED_BY, write_files
from alrun.system.errors import UserError

NAMES = {
    "strategy": "ratio",
    "model": "one_layer",
    "dataset": "bars",
    "optimizer": "signs",
    "augmentation": "brightness",
}


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True)


def test_all_templates_pass_their_own_tests_and_run_together(tmp_path):
    assert set(NAMES) == set(TRIED_BY)
    told = [write_files(kind, name, "my_al", tmp_path) for kind, name in NAMES.items()]
    assert "python -m alrun check my_al.ratio.Ratio" in told[0]
    assert "python -m alrun --config-dir conf strategy=ratio 'allow=[my_al]'" in told[0]
    tested = python("pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "11 passed" in tested.stdout
    options = [f"{kind}={name}" for kind, name in NAMES.items()]
    run = python("alrun", "--config-dir", "conf", *options, "allow=[my_al]", "debug=fast", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "round 2/2  40 labels" in run.stderr
    assert list(tmp_path.glob("outputs/runs/bars-one_layer-*/ratio-*-seed0/done"))


def test_the_next_commands_begin_as_this_program_was_started(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.orig_argv", [".venv/bin/python", "-m", "alrun", "new", "strategy", "ratio"])
    commands = write_files("dataset", "bars", "my_al", tmp_path) + write_files("strategy", "ratio", "my_al", tmp_path)
    assert "  .venv/bin/python -m alrun check my_al.ratio.Ratio\n" in commands
    assert "  .venv/bin/python -m alrun --config-dir conf strategy=ratio 'allow=[my_al]'\n" in commands
    assert "alrun --config-dir conf dataset=bars model=small_cnn augmentation=none 'allow=[my_al]'\n" in commands
    assert commands.count("python -m alrun") == 3


def test_the_next_commands_go_to_the_folder_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = write_files("strategy", "ratio", "my_al", Path("sub dir")).splitlines()
    after = lines.index("Next:")
    assert lines[after + 1 : after + 3] == ["  cd 'sub dir'", "  python -m pytest tests/test_ratio.py"]
    again = write_files("strategy", "near", "my_al", Path()).splitlines()
    assert not any("cd " in line for line in again)


def test_a_package_of_that_name_here_is_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    write_files("strategy", "ratio", "my_al", Path())
    assert "cd sub" in write_files("strategy", "near", "my_al", Path("sub"))


def test_an_own_strategy_takes_fewer_than_fifteen_lines(tmp_path):
    write_files("strategy", "ratio", "my_al", tmp_path)
    text = (tmp_path / "my_al" / "ratio.py").read_text()
    code = text.split('"""')[::2]  # what is not a docstring
    assert sum(bool(line.strip()) for part in code for line in part.splitlines()) < 15


def test_nothing_is_written_over_or_beside_a_file_that_is_there(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_ratio.py").write_text("mine")
    with pytest.raises(UserError, match=r"test_ratio.py exists already, so nothing was written"):
        write_files("strategy", "ratio", "my_al", tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["test_ratio.py"]
    assert (tmp_path / "tests" / "test_ratio.py").read_text() == "mine"


def test_a_second_one_joins_the_package(tmp_path):
    write_files("strategy", "ratio", "my_al", tmp_path)
    (tmp_path / "my_al" / "__init__.py").write_text("KEPT = 1\n")
    write_files("strategy", "near_ratio", "my_al", tmp_path)
    assert (tmp_path / "my_al" / "__init__.py").read_text() == "KEPT = 1\n"
    assert "class NearRatio" in (tmp_path / "my_al" / "near_ratio.py").read_text()


@pytest.mark.parametrize(
    ("name", "package", "words"),
    [
        ("my-idea", "my_al", r"name my-idea: use small letters"),
        ("Ratio", "my_al", r"name Ratio: use small letters"),
        ("class", "my_al", r"name class: use small letters"),
        ("badge", "my_al", r"strategy=badge is an option of alrun already"),
        ("ratio", "random", r"--package random is the name of another package"),
        ("ratio", "torch", r"--package torch is the name of another package"),
        ("ratio", "sympy", r"--package sympy is the name of another package"),
    ],
)
def test_names_that_cannot_be(tmp_path, name, package, words):
    with pytest.raises(UserError, match=words):
        write_files("strategy", name, package, tmp_path)
    assert not list(tmp_path.iterdir())
