"""What ``from alrun import ...`` gives: what code of one's own needs, without torch until it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import alrun

SOURCE = Path(alrun.__file__)
TEMPLATES = SOURCE.parent / "commands" / "templates"


def test_everything_that_is_promised_is_there_and_is_what_its_module_defines():
    assert set(alrun.__all__) == {*alrun.EXPORTS, "__version__"}
    assert list(alrun.__all__) == sorted(alrun.__all__)
    for name in alrun.__all__:
        value = getattr(alrun, name)
        assert name == "__version__" or value.__name__ == name
    with pytest.raises(AttributeError, match="'alrun' has no attribute 'Nothing'"):
        alrun.Nothing  # noqa: B018


def test_type_checkers_are_given_the_same_names():
    (block,) = [
        node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If) and "TYPE" in ast.dump(node)
    ]
    told = {each.name for node in block.body if isinstance(node, ast.ImportFrom) for each in node.names}
    assert told == set(alrun.EXPORTS)


def test_importing_alrun_imports_no_torch_until_a_name_is_asked_for():
    lines = (
        "import sys, alrun",
        "assert 'torch' not in sys.modules",
        "from alrun import UserError",
        "assert 'torch' not in sys.modules",
        "from alrun import Strategy",
        "assert 'torch' in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "; ".join(lines)], check=True)


def test_templates_import_from_alrun_alone():
    for path in TEMPLATES.glob("*.py.txt"):
        lines = [line for line in path.read_text().splitlines() if "alrun" in line and "import" in line]
        assert all(line.startswith("from alrun import ") for line in lines), path.name
