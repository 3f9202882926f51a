"""Describes groups of options, and reads what the comments of conf/ and of dataclasses say about settings.

Only text is read: nothing is composed, and neither Hydra nor torch is imported.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Group:
    """A group of options: ``about`` is one line, ``example`` the words of a command line."""

    about: str
    example: str


GROUPS = {  # in the order of --help: the most wanted come first
    "dataset": Group("Images and labels, with the network and the augmentation that go with them.", "dataset=cifar10"),
    "encoder": Group(
        "A pretrained network that makes vectors of images or texts, on which a head is trained.",
        "dataset=cifar10 encoder=torchvision",
    ),
    "model": Group("The network that is trained.", "model=torchvision model.name=resnet34"),
    "strategy": Group("Which unlabeled examples are queried.", "strategy=entropy"),
    "embeddings": Group(
        "Where embeddings come from, for strategies and seed sets that take them.",
        "dataset=digits encoder=torchvision strategy=typiclust embeddings@strategy.embeddings=features",
    ),
    "pretrained": Group(
        "The networks of encoder=, for strategies and seed sets that read features of images.",
        "strategy=typiclust embeddings@strategy.embeddings=features pretrained@strategy.embeddings.encoder=torchvision",
    ),
    "optimizer": Group("How weights are updated.", "optimizer=adam optimizer.lr=0.001"),
    "first_optimizer": Group(
        "What trains the first model, where it is not what trains the others.", "optimizer=adam first_optimizer=sgd"
    ),
    "augmentation": Group("How training images are altered.", "augmentation=crop_flip"),
    "dss": Group("Data subset selection: on which labeled examples an epoch trains.", "dss=random"),
    "model_update": Group("What a round's training starts from.", "model_update=update"),
    "batch_size": Group(
        "Labels queried in a round; any number: budget.batch_size=.", "dataset=cifar10 batch_size=b1000"
    ),
    "seed_set": Group("The first labeled examples.", "seed_set=balanced"),
    "imbalance": Group("A pool in which some classes are rare.", "dataset=cifar10 imbalance=long_tail"),
    "open_set": Group(
        "A pool in which some examples belong to no class.", "dataset=cifar10 open_set=held_out open_set.classes=4"
    ),
    "shift": Group(
        "A test split, or a share of the pool, from another data set.",
        "dataset=mnist shift=pool dataset@shift.dataset=csv shift.dataset.path=scans.csv",
    ),
    "redundancy": Group("A pool that repeats itself.", "dataset=cifar10 redundancy=duplicate"),
    "per_class_cap": Group("How many examples of a class may be queried.", "dataset=cifar10 per_class_cap=c1000"),
    "annotator": Group(
        "Who answers which class an example belongs to, and how often wrongly.", "annotator=uniform annotator.rate=0.1"
    ),
    "cost": Group("What an answer costs.", "cost=none cost.price=0.05"),
    "stopping": Group("When enough is labeled, before the budget is spent.", "stopping=majority"),
    "scale": Group("How much of the paper's size is kept.", "dataset=cifar10 scale=small"),
    "at_once": Group("How many runs of a sweep are computed at a time.", "-m seed=0,1 at_once=two"),
    "search": Group(
        "Looking for settings by validation accuracy.",
        "search=optuna validation=100 'optimizer.lr=tag(log, interval(0.001, 0.1))'",
    ),
    "tracking": Group("Where else the results of a run go, for tools that show them.", "tracking=tensorboard"),
    "debug": Group("Short runs that answer one question about a set-up.", "debug=fast"),
    "experiment": Group("Sweeps: those of the paper, by section, and some of our own.", "experiment=quickstart"),
    "baseline": Group(
        "The rows of the paper's Table 3; chosen by data set and network, unless you name one.",
        "dataset=cifar10 model=small_cnn baseline=cifar10_resnet18",
    ),
    "recipe": Group("What an optimizer changes of the row; chosen by the optimizer.", "optimizer=fast"),
}


@dataclass(frozen=True)
class Setting:
    """A setting as its source shows it."""

    name: str
    default: str
    comment: str


def folder() -> Path:
    """The folder of alrun's options: conf/."""
    spec = find_spec("alrun.conf")
    return Path(next(iter(spec.submodule_search_locations)))  # type: ignore[union-attr, arg-type]


def options(group: str, root: Path) -> Iterator[tuple[str, Path]]:
    """The names and files of a group's options below ``root``, which is alrun's own conf/ or a user's."""
    for path in sorted((root / group).rglob("*.yaml")):
        yield path.relative_to(root / group).with_suffix("").as_posix(), path


def about(text: str) -> str:
    """The comment at the head of an option's file, in one line."""
    head = re.match(r"(?:#.*\n)*", text)
    lines = head[0].splitlines() if head else []
    return " ".join(line.lstrip("# ") for line in lines if not line.startswith("# @package"))


def package(text: str, group: str) -> str:
    """The prefix of the names of settings in an option's file; empty for the top."""
    found = re.search(r"^# @package (\S+)", text, re.MULTILINE)
    place = found[1] if found else group
    return "" if place == "_global_" else place


def settings(text: str, prefix: str = "") -> Iterator[Setting]:
    """Every setting of an option's file, with its dotted name after ``prefix``; without Hydra's own keys."""
    import yaml

    yield from _leaves(yaml.compose(text), text, prefix, is_top=True)


def _leaves(node: object, text: str, path: str, is_top: bool = False) -> Iterator[Setting]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value.startswith("_") or (is_top and key.value in ("defaults", "hydra")):
            continue
        name = f"{path}.{key.value}".removeprefix(".")
        if isinstance(value, yaml.MappingNode):
            yield from _leaves(value, text, name)
            continue
        start, end = value.start_mark.index, value.end_mark.index
        comment = text[end:].partition("\n")[0].partition("#")[2].strip()
        yield Setting(name, text[start:end].strip("\"'"), comment)


def fields(schema: type) -> Iterator[Setting]:
    """The fields of a dataclass in the order of its source, with the comments beside or above them."""
    import ast
    import inspect

    source = textwrap.dedent(inspect.getsource(schema))
    lines = source.splitlines()
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            first = node.lineno - 1
            while lines[first - 1].startswith("    #"):
                first -= 1
            comments = [row.partition("# ")[2] for row in lines[first : node.end_lineno]]
            yield Setting(node.target.id, _default(node.value), " ".join(filter(None, comments)))


def _default(value: Any) -> str:
    """The syntax of a default as a user types it: ``null``, ``true``; a list that a factory makes is empty."""
    import ast

    literal = [] if isinstance(value, ast.Call) else ast.literal_eval(value)
    if literal is None:
        return "null"
    return str(literal).lower() if isinstance(literal, bool) else str(literal)
