"""Which files of a user's a run depends on."""

import sys
from pathlib import Path

import pytest

from alrun.runs import own_code

FILES = {
    "mine.py": "import os\nimport numpy as np\nimport helper\nfrom pack.sub import part\nclass Mine: ...\n",
    "helper.py": "from pack import other\n",
    "unrelated.py": "",
    "pack/__init__.py": "",
    "pack/other.py": "",
    "pack/unused.py": "",
    "pack/sub/__init__.py": "",
    "pack/sub/part.py": "from .. import above\nfrom . import beside as named\n",
    "pack/sub/beside.py": "from .part import x  # a circle\n",
    "pack/above.py": "",
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mine", "helper", "pack", "pack.sub", "pack.other"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def settings(target: str):
    return {"strategy": {"_target_": "alrun.strategies.Random", "inner": {"_target_": target}}}


def test_all_that_a_file_imports_of_the_users_counts_and_nothing_else(place):
    found = own_code.hash_own_code(settings("mine.Mine"))
    assert set(found) == set(FILES) - {"unrelated.py", "pack/unused.py"}
    for name in found:
        before = own_code.hash_own_code(settings("mine.Mine"))
        (place / name).write_text(FILES[name] + "# edited\n")
        after = own_code.hash_own_code(settings("mine.Mine"))
        assert [each for each in before if before[each] != after[each]] == [name]


def test_a_module_of_a_package_is_known_by_its_path_in_it(place):
    assert set(own_code.hash_own_code(settings("pack.sub.part.x"))) == {
        "pack/__init__.py",
        "pack/above.py",
        "pack/sub/__init__.py",
        "pack/sub/beside.py",
        "pack/sub/part.py",
    }


def test_an_installed_package_counts_itself_alone(place, monkeypatch):
    installed = place / "site-packages"
    (installed / "theirs").mkdir(parents=True)
    (installed / "theirs" / "__init__.py").write_text("from theirs import more\nimport big\n")
    (installed / "theirs" / "more.py").write_text("")
    (installed / "big.py").write_text("")
    monkeypatch.syspath_prepend(installed)
    assert set(own_code.hash_own_code(settings("theirs.Thing"))) == {"theirs/__init__.py", "theirs/more.py"}


def test_what_is_no_file_has_none():
    assert (
        own_code.hash_own_code(settings("builtins.object"))
        == own_code.hash_own_code(settings("no_such_module.Thing"))
        == {}
    )
