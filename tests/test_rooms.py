"""The rooms of src/alrun: which may import which, in one direction, without a circle between files."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import alrun

SOURCE = Path(alrun.__file__).parent
# From the ground up: a room imports from those in earlier rows alone. docs/contributing.md says what each holds.
STORIES = (
    ("system",),
    ("selection", "data"),
    ("settings", "models"),
    ("pool", "features"),
    ("training",),
    ("strategies", "runs"),
    ("testing", "analysis", "annotate"),
    ("loop",),
    ("commands",),
    ("__main__",),
)
STORY = {room: story for story, rooms in enumerate(STORIES) for room in rooms}


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below alrun, as ``training.trainer``; packages too."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """The modules of alrun that a file imports anywhere, within functions too, by their names below alrun."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name.removeprefix("alrun.") for each in node.names if each.name.startswith("alrun."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "alrun":
            package = (node.module or "").partition(".")[2]
            for each in node.names:
                inner = f"{package}.{each.name}".removeprefix(".")
                yield inner if inner in modules() else package


def longest(graph: dict[str, set[str]]) -> tuple[int, list[str]]:
    """Levels of a graph of imports, and a circle in it if there is one."""
    levels: dict[str, int] = {}

    def level(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            raise RecursionError(*above[above.index(name) :], name)
        if name not in levels:
            levels[name] = 1 + max((level(each, (*above, name)) for each in graph[name]), default=0)
        return levels[name]

    try:
        return max(level(name, ()) for name in graph), []
    except RecursionError as circle:
        return 0, list(circle.args)


def test_that_a_newcomer_sees_few_entries() -> None:
    """20 when realistic pools, annotation tools and large pools have theirs."""
    entries = sorted(path.name for path in SOURCE.iterdir() if path.name != "__pycache__")
    print(f"\n{len(entries)} entries: {' '.join(entries)}")
    assert len(entries) <= 20
    assert {path.removesuffix(".py") for path in entries} - {"__init__", "py.typed"} == set(STORY)


@pytest.mark.parametrize("room", STORY)
def test_that_a_room_imports_from_the_stories_below_it_alone(room: str) -> None:
    wrong = {
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in imports(path)
        if name.partition(".")[0] == room and other and other.partition(".")[0] != room
        if STORY[other.partition(".")[0]] >= STORY[room]
    }
    assert not wrong


def test_that_neither_files_nor_rooms_import_in_a_circle() -> None:
    files = {name: {other for other in imports(path) if other != name} for name, path in modules().items()}
    rooms: dict[str, set[str]] = {room: set() for room in STORY}
    for name, others in files.items():
        if room := name.partition(".")[0]:
            rooms[room] |= {other.partition(".")[0] for other in others} - {room, ""}
    for what, graph in (("files", files), ("rooms", rooms)):
        levels, circle = longest(graph)
        print(f"{len(graph)} {what} on {levels} levels")
        assert not circle
    assert longest(rooms)[0] <= 10


def test_that_the_page_for_contributors_shows_the_rooms_on_their_floors() -> None:
    page = (SOURCE.parent.parent / "docs" / "contributing.md").read_text(encoding="utf-8")
    shown = {room: int(floor) for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE)}
    assert shown == {room: story + 1 for room, story in STORY.items()}
    named = set(re.findall(r"`([a-z_]+(?:/\w+)+\.py)`", page))
    assert len(named) > 30
    assert not {name for name in named if not ((SOURCE / name).exists() or (SOURCE.parent.parent / name).exists())}


# Rooms in which a value of the configuration is a plain value: it was read once, in settings, loop or commands.
PLAIN = ("system", "selection", "data", "models", "pool", "training", "strategies", "runs", "testing", "analysis")
HYDRAS = ("hydra", "omegaconf")


def of_the_configuration(path: Path) -> Iterator[str]:
    """What a file has to do with the configuration: imports of Hydra and OmegaConf, parameters called cfg."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            yield from (f"line {node.lineno} imports {name}" for name in names if name.split(".")[0] in HYDRAS)
        elif isinstance(node, ast.arg) and node.arg == "cfg":
            yield f"line {node.lineno} takes cfg"


@pytest.mark.parametrize("room", PLAIN)
def test_that_the_configuration_stays_above_a_room(room: str) -> None:
    found = {
        f"{name}: {what}"
        for name, path in modules().items()
        if name.partition(".")[0] == room
        for what in of_the_configuration(path)
    }
    assert not found


def test_that_reading_the_configuration_is_found_out() -> None:
    found = list(of_the_configuration(modules()["loop.run"]))
    assert any("imports omegaconf" in each for each in found)
    assert any("takes cfg" in each for each in found)
