"""Revisions: which components use which kernels is what their imports say."""

import ast
from pathlib import Path

import pytest

import alrun
from alrun.settings import revisions

SOURCE = Path(alrun.__file__).parent


def imports(path: Path) -> set[Path]:
    """Files of alrun that the one at ``path`` imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("alrun"):
            base = SOURCE.joinpath(*node.module.split(".")[1:])
            found |= {base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)}
    return {each for each in found if each.exists()}


def reachable(path: Path) -> set[Path]:
    """The files that the one at ``path`` imports, within its own folder and alrun.selection, at any depth."""
    found, waiting = set(), [path]
    while waiting:
        for each in imports(waiting.pop()) - found:
            if each.parent in (path.parent, SOURCE / "selection"):
                found.add(each)
                waiting.append(each)
    return found


@pytest.mark.parametrize("kernel", sorted(revisions.KERNELS))
def test_all_users_of_a_revised_kernel_are_listed(kernel):
    assert (SOURCE / "selection" / f"{kernel}.py").exists()
    users = set()
    for group, folder in (("strategy", "strategies"), ("dss", "dss"), ("seed_set", "data")):
        for path in (SOURCE / folder).glob("*.py"):
            if path.name == "__init__.py" or SOURCE / "selection" / f"{kernel}.py" not in reachable(path):
                continue
            classes = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
            users |= {f"{group}.{name}" for name in classes}
    listed = set(revisions.USERS[kernel])
    assert listed <= users, "these do not import it"
    missing = {each for each in users - listed if (each.partition(".")[2] in targets())}
    assert not missing, "these import it, and options name them"


def targets() -> set[str]:
    """Classes that an option of conf/ names."""
    conf = Path(alrun.__file__).parents[2] / "conf"
    lines = [
        line for path in conf.rglob("*.yaml") for line in path.read_text().splitlines() if "_target_: alrun" in line
    ]
    return {line.partition("_target_: ")[2].split(",")[0].strip(" }").rpartition(".")[2] for line in lines}


def test_every_revised_component_exists():
    for name in revisions.COMPONENTS:
        assert name.partition(".")[2] in targets(), name


def test_what_is_used_is_recorded_with_its_revision(monkeypatch):
    settings = {
        "strategy": {
            "_target_": "alrun.strategies.Clue",
            "embeddings": {"_target_": "alrun.strategies.embeddings.FromFeatures"},
        }
    }
    monkeypatch.setitem(revisions.COMPONENTS, "embeddings.FromFeatures", 4)
    monkeypatch.setitem(revisions.KERNELS, "made_up", 3)
    monkeypatch.setitem(revisions.USERS, "made_up", ("strategy.Clue",))
    assert revisions.revisions_used(settings) == {
        "embeddings.FromFeatures": 4,
        "evaluation": 1,
        "made_up": 3,
        "pool": 1,
        "strategy.Clue": 1,
        "trainer": 1,
    }
    assert revisions.revisions(settings) == {"strategy": {"embeddings.FromFeatures": 4, "made_up": 3}}
