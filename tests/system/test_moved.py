"""Who uses a name of alrun 0.1 reads the new one."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from alrun.system.moved import MOVED, SETTINGS, SUBCOMMANDS


@pytest.mark.parametrize("name", sorted(set(SUBCOMMANDS) - {"help"}))
def test_an_old_command_names_the_new_one(name):
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"is now: alrun {name}, or python -m alrun {name}.")):
        import_module(f"alrun.{name}")


@pytest.mark.parametrize("new", sorted(set(MOVED.values())))
def test_what_is_told_is_there(new):
    assert import_module(f"alrun.{new}")


def test_python_m_ends_with_the_new_name(tmp_path):
    answer = subprocess.run([sys.executable, "-m", "alrun.status"], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr.strip(" )\n").endswith(
        "python -m alrun.status is now: alrun status, or python -m alrun status."
    )


def test_the_changelog_has_a_row_for_every_old_name():
    rows = [
        line for line in (Path(__file__).parents[2] / "CHANGELOG.md").read_text().splitlines() if line.startswith("| ")
    ]
    for old, new in MOVED.items():
        (row,) = [line for line in rows if f"`alrun.{old}`" in line.partition(" | ")[0]]
        room, _, name = new.rpartition(".")
        assert f"`alrun.{room if old.rpartition('.')[2] == name else new}`" in row
    for group, classes in SETTINGS.items():
        for each, names in classes.items():
            for old, new in names.items():
                assert f"| setting `{old}` of {group} {each} | `{new}` |" in rows
