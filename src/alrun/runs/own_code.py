"""A user's own code that a run depends on: the files that its settings name, and the user's files they import."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LIBRARIES = ("alrun", "torch", "torchvision", "timm")  # their versions are in run.json
INSTALLED = ("site-packages", "dist-packages")


def hash_own_code(settings: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of each of the user's files that plain ``settings`` need, by its path below Python's search path.

    Imports are read from the source, not followed at run time: a module whose name is computed is not seen.
    """
    found: dict[Path, str] = {}
    for target in targets(settings):
        place = None if target.partition(".")[0] in LIBRARIES else find_source(target)
        if place is not None:
            waiting, root = [place[0]], place[1]
            while waiting:
                each = waiting.pop()
                if each not in found:
                    found[each] = each.relative_to(root).as_posix()
                    waiting += imported_files(each, root)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for path, name in sorted(found.items())}


def targets(node: Any) -> Iterator[str]:
    """Every ``_target_`` in a plain value."""
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def find_source(target: str) -> tuple[Path, Path] | None:
    """The file that defines the module of ``target``, and the folder where Python's search for it started.

    None without such a file.
    """
    name = target
    while name:
        with suppress(ImportError, ValueError, AttributeError):
            spec = importlib.util.find_spec(name)
            if spec is not None:
                if not spec.has_location or not (spec.origin or "").endswith(".py"):
                    return None
                path = Path(str(spec.origin)).resolve()
                return path, path.parents[name.count(".") + (path.name == "__init__.py")]
        name = name.rpartition(".")[0]
    return None


def imported_files(path: Path, root: Path) -> Iterator[Path]:
    """Files under ``root`` that the file at ``path`` imports; if it is installed, only those of its own package."""
    yield from module_files(root, list(path.parent.relative_to(root).parts))  # its packages
    with suppress(SyntaxError, ValueError, OSError):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name.split(".") for alias in node.names]
                starts = [(root, name) for name in names]
            elif isinstance(node, ast.ImportFrom):
                base = path.parents[node.level - 1] if node.level else root
                module = node.module.split(".") if node.module else []
                starts = [(base, module), *((base, [*module, alias.name]) for alias in node.names)]
            else:
                continue
            for base, parts in starts:
                for file in module_files(base, parts):
                    own = path.relative_to(root).parts[0] == file.relative_to(root).parts[0]
                    if own or not any(part in INSTALLED for part in root.parts):
                        yield file


def module_files(base: Path, parts: list[str]) -> Iterator[Path]:
    """The files of a module and of its packages, if they exist."""
    for count in range(1, len(parts) + 1):
        place = base.joinpath(*parts[:count])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file.resolve()
