"""Kinds of mistakes, and what a user reads of those that are not the user's."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alrun.settings.hydra_errors import mistake_sentence
from alrun.system import errors
from alrun.system.errors import DataError, SettingError, StorageError, StrategyError, UserError, located, writing
from tests.conftest import QUIET, SMALL


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_the_system_is_translated_where_files_are_written_and_nowhere_else(code):
    error = OSError(code, os.strerror(code), "/somewhere")
    assert mistake_sentence(error) is None
    with pytest.raises(StorageError, match=r"/somewhere cannot be used \(.*\): free space there"), writing():
        raise error
    assert errors.unusable(OSError(errno.EBADF, "Bad file descriptor")) is None


@pytest.mark.parametrize("kind", [SettingError, DataError, StorageError, StrategyError])
def test_a_mistake_keeps_its_kind_where_its_place_is_added(kind):
    with pytest.raises(kind, match=r"^round 3: lr=x is not possible\.$") as raised, located("round 3"):
        raise kind("lr=x is not possible.")
    assert isinstance(raised.value, UserError)
    assert mistake_sentence(raised.value) == "round 3: lr=x is not possible."


OWN = """
import torch
from alrun.strategies import Strategy

class Mine(Strategy):
    def select(self, query):
        return self.positions(query.size)

    def positions(self, size):
        return torch.arange(size) / 0 if size < 20 else {}["nothing here"]
"""


def alrun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alrun", *SMALL, *QUIET, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_what_a_users_strategy_raises_names_strategy_and_round_and_shows_their_traceback(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    ended = alrun(tmp_path, "strategy=random", "strategy._target_=mine.Mine", "allow=[mine]")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert "alrun: strategy=random, after round 0: its code raised KeyError ('nothing here'): fix it" in said
    assert 'mine.py", line 10, in positions' in said
    assert errors.REPORT not in said
    failed = next(tmp_path.glob("outputs/runs/*/*/failed.txt")).read_text()
    assert failed.startswith("strategy=random, after round 0: its code raised KeyError")


def test_a_mistake_of_alruns_shows_its_traceback_and_asks_for_a_report(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Break(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'alrun.loop.progress': raise ZeroDivisionError('of the test')\n"
        "sys.meta_path.insert(0, Break())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "alrun", *SMALL, *QUIET, "strategy=random"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "ZeroDivisionError: of the test" in ended.stderr
    assert errors.REPORT in ended.stderr.splitlines()
