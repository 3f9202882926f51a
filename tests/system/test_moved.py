"""Who uses a name of alrun 0.1 reads the new one."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import alrun
from alrun.system.moved import MOVED, OPTIONS, SETTINGS, SUBCOMMANDS, module_sentence, place_of

OF_0_1_0 = Path(__file__).with_name("names_of_0_1_0.txt")  # module: its classes and functions, from its source
# What is gone from 0.1.0, and has left its name to something else.
REUSED = {
    "analysis.bought.read_queries",
    "analysis.costs.in_words",
    "contract.whole_pool",
    "data.sources.held_out",
    "dss.base.by_class",
    "embeddings.FromFile",
}


def defined(path: Path) -> set[str]:
    """The classes and functions of a module, and what it offers of others by ``__all__`` or as a package."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    names = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.ImportFrom) and path.name == "__init__.py":
            names |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names |= set(ast.literal_eval(node.value))
    return names


@pytest.mark.parametrize("name", sorted(set(SUBCOMMANDS) - {"help"}))
def test_an_old_command_names_the_new_one(name):
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"is now: alrun {name}, or python -m alrun {name}.")):
        import_module(f"alrun.{name}")


@pytest.mark.parametrize("new", sorted(set(MOVED.values())))
def test_what_is_told_is_there(new):
    assert import_module(f"alrun.{new}")


def test_each_class_and_function_of_0_1_0_that_still_exists_is_found_where_it_is():
    source = Path(alrun.__file__).parent
    now = {}
    for path in source.rglob("*.py"):
        parts = path.relative_to(source).with_suffix("").parts
        now[".".join(("alrun", *parts)).removesuffix(".__init__")] = defined(path)
    everywhere = set().union(*now.values())
    lost, found = [], 0
    for line in OF_0_1_0.read_text().splitlines():
        module, _, names = line.partition(": ")
        for name in names.split():
            place, new = place_of(f"alrun.{module}", name)
            is_there = new in now.get(place, ())
            found += is_there
            is_one_word = name == name.lower() and "_" not in name  # other functions have such a name today
            if not is_there and name in everywhere and not is_one_word and f"{module}.{name}" not in REUSED:
                lost.append(f"{module}.{name}")
    assert not lost
    assert found > 400


def test_an_import_of_a_divided_module_reads_where_its_names_went():
    assert place_of("alrun.checkpoint", "Keeper") == ("alrun.training.keeper", "Keeper")
    assert place_of("alrun.run", "run") == ("alrun.loop.start", "run")
    assert place_of("alrun.data.listings", "is_picture") == ("alrun.data.image_listing", "is_image")
    assert place_of("alrun.data.listings", "pictures_under") == ("alrun.data.image_listing", "images_under")
    assert place_of("alrun.data.listings", "class_folders") == ("alrun.data.image_listing", "class_folders")
    assert place_of("alrun.check", "print_costs") == ("alrun.commands.check", "print_costs")
    assert module_sentence("alrun.checkpoint") == (
        "alrun.checkpoint is now alrun.training.checkpoint; Frozen: alrun.training.frozen; Keeper: "
        "alrun.training.keeper."
    )


def test_python_m_ends_with_the_new_name(tmp_path):
    answer = subprocess.run([sys.executable, "-m", "alrun.status"], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr.strip(" )\n").endswith(
        "python -m alrun.status is now: alrun status, or python -m alrun status."
    )


def test_no_page_advises_an_option_that_is_gone():
    root = Path(__file__).parents[2]
    for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for group, option in (choice.split("=") for choice in OPTIONS):
            assert not re.search(rf"\b{group}={option}\b", text), f"{page} names {group}={option}"


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
