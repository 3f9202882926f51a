"""Code and YAML files written for alrun 0.1: what to change in them, by the tables in alrun.system.moved.

Files are read, never imported, so a file that can no longer be imported is read too.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

import alrun
from alrun.system import moved
from alrun.system.errors import UserError

PARAMETER = "unlabeled"  # of ``score`` in 0.1


@dataclass(frozen=True, order=True)
class Change:
    """A piece of text to replace."""

    line: int  # from 1
    column: int  # from 0
    old: str  # empty: ``new`` is inserted
    new: str

    def __str__(self) -> str:
        what = f"{self.old}  ->  {self.new}" if self.old else f"add {self.new.strip()}"
        return f"line {self.line}: {what}"


def find_changes(path: Path) -> list[Change]:
    """What to change in a Python or YAML file, in the order of the file.

    Raises:
        UserError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = in_yaml(text) if path.suffix in (".yaml", ".yml") else in_python(text)
        return sorted(set(found))
    except (OSError, SyntaxError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error


def in_python(text: str) -> Iterator[Change]:
    """Imports by old names, scores of ``unlabeled``, and calls of such scores."""
    tree = ast.parse(text)
    imports_alrun = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from of_import_from(node, text)
        elif isinstance(node, ast.Import):
            imports_alrun |= any(each.name == "alrun" for each in node.names)
            yield from of_import(node, text)
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "score":
                    yield from of_score(method, text)
    made = list(of_calls(tree, text))
    yield from made
    if made and not imports_alrun:
        first = next(node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
        yield Change(first.lineno, 0, "", "import alrun\n")


def of_import_from(node: ast.ImportFrom, text: str) -> Iterator[Change]:
    """``from alrun.errors import at_least``, by what alrun itself exports where it does."""
    wanted: dict[str, list[str]] = {}
    for each in node.names:
        module, name = moved.place_of(str(node.module), each.name)
        if module != node.module and alrun.EXPORTS.get(name) == module.removeprefix("alrun."):
            module = "alrun"
        renamed = each.asname or (each.name if name != each.name else None)
        wanted.setdefault(module, []).append(name + (f" as {renamed}" if renamed else ""))
    if list(wanted) != [node.module]:
        statements = [f"from {module} import {', '.join(names)}" for module, names in sorted(wanted.items())]
        yield change(node, text, f"\n{' ' * node.col_offset}".join(statements))


def of_import(node: ast.Import, text: str) -> Iterator[Change]:
    """``import alrun.errors`` by its new name."""
    for each in node.names:
        if (new := moved.MOVED.get(each.name.removeprefix("alrun."))) and each.name.startswith("alrun."):
            yield change(each, text, f"alrun.{new}" + (f" as {each.asname}" if each.asname else ""))


def of_score(method: ast.FunctionDef, text: str) -> Iterator[Change]:
    """``def score(self, unlabeled)``, and every use of its parameter."""
    if [each.arg for each in method.args.args][1:] != [PARAMETER]:
        return
    parameter = method.args.args[1]
    yield change(parameter, text, "query")
    handed_on = {id(scored(node)) for node in ast.walk(method)}
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id == PARAMETER:
            yield change(node, text, "query" if id(node) in handed_on else f"query.{PARAMETER}")


def scored(node: ast.AST) -> ast.expr | None:
    """``y`` where a node is ``x.score(y)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "score":
        return node.args[0] if len(node.args) == 1 else None
    return None


def of_calls(tree: ast.Module, text: str) -> Iterator[Change]:
    """``score(query.unlabeled)`` and ``score(Outputs(...))``, as tests call it."""
    for node in ast.walk(tree):
        given = scored(node)
        if isinstance(given, ast.Attribute) and given.attr == PARAMETER:
            yield change(given, text, str(ast.get_source_segment(text, given.value)))
        elif isinstance(given, ast.Call) and isinstance(given.func, ast.Name) and given.func.id == "Outputs":
            yield change(given, text, f"alrun.query_about({ast.get_source_segment(text, given)})")


def change(node: ast.alias | ast.arg | ast.expr | ast.stmt, text: str, new: str) -> Change:
    """The change that replaces the source of ``node`` by ``new``."""
    column = len(text.splitlines()[node.lineno - 1].encode()[: node.col_offset].decode())
    return Change(node.lineno, column, str(ast.get_source_segment(text, node)), new)


def in_yaml(text: str) -> Iterator[Change]:
    """Classes by old names, and settings by old words."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        yield from of_node(root, "")


def of_node(node: yaml.Node, key: str) -> Iterator[Change]:
    """Changes in a YAML node at the dotted ``key`` of its file."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from of_node(each, key)
    if not isinstance(node, yaml.MappingNode):
        return
    targets = [value for name, value in node.value if name.value == "_target_" and isinstance(value, yaml.ScalarNode)]
    for value in targets:
        module, _, name = str(value.value).rpartition(".")
        now = ".".join(moved.place_of(module, name))
        if now != value.value:
            yield from replaced(value, [now])
    for name, value in node.value:
        full = f"{key}.{name.value}".removeprefix(".")
        yield from renamed(name, full, str(targets[0].value) if targets else None)
        yield from of_node(value, full)


def renamed(name: yaml.ScalarNode, full: str, target: str | None) -> Iterator[Change]:
    """The new name of a setting of ``target``; all possible names if the file does not say which class it sets."""
    *outer, last = str(name.value).split(".")
    if target is None:
        found = moved.new_settings(full.partition(".")[0], None, last) if "." in full else {}
    else:
        found = {k: v for group in moved.SETTINGS for k, v in moved.new_settings(group, target, last).items()}
    yield from replaced(name, sorted({".".join([*outer, new]) for new in found.values()}))


def replaced(node: yaml.ScalarNode, new: list[str]) -> Iterator[Change]:
    """The change that replaces a word of a YAML file by one of ``new``; none if ``new`` is empty."""
    if new:
        mark = node.start_mark
        yield Change(mark.line + 1, mark.column, str(node.value), " or ".join(new))
