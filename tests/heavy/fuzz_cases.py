"""Random command lines, and what must come of each: parts of a run, or one sentence."""

import io
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import torch
from hydra import compose
from hypothesis import strategies as st
from omegaconf import OmegaConf

from alrun.loop.components import build_parts, build_pool
from alrun.settings import schema
from alrun.settings.checks import validate
from alrun.settings.hydra_errors import mistake_sentence
from alrun.settings.planned_runs import configuration

CONF = Path(__file__).resolve().parents[2] / "conf"
BASE = ("limit=60", "budget={seed_size: 10, batch_size: 10, total: 30}", "runtime={device: cpu, threads: 1}")
# Options that would download, or build a network of a size that is not for fuzzing.
ELSEWHERE = {"dataset": {"cifar10", "cifar100", "mnist", "fashion_mnist", "svhn", "packed"}, "at_once": set()}
SLOW = {
    "model": {
        "vgg11",
        "vgg19",
        "dla",
        "shake_shake",
        "shake_shake_resnet18",
        "resnet9",
        "resnet18",
        "torchvision",
        "timm",
    }
}


@cache
def options() -> dict[str, list[str]]:
    """Names of the options of every group."""
    found = {}
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir() and path.name not in ("hydra", "experiment")):
        skipped = ELSEWHERE.get(folder.name, set()) | SLOW.get(folder.name, set())
        found[folder.name] = sorted({path.stem for path in folder.glob("*.yaml")} - skipped)
    return {group: names for group, names in found.items() if group not in ("baseline", "embeddings", "recipe")}


@cache
def settings() -> list[str]:
    """Full names of the settings of the default run."""
    cfg = composed(())

    def leaves(value, path: str) -> list[str]:
        if not OmegaConf.is_dict(value):
            return [path]
        return [leaf for key in value for leaf in leaves(value._get_node(key), f"{path}.{key}" if path else str(key))]

    return [leaf for leaf in leaves(cfg, "") if not leaf.startswith(("hydra", "paths"))]


def composed(overrides: tuple[str, ...]):
    """The configuration of a command line."""
    schema.register()
    with configuration():
        return compose("config", list(overrides))


ODD = ["null", "true", "", "x", "[]", "[1,2]", "{a: 1}", "auto", "'", "${seed}", "${nothing}", "???", "ä", "1e400"]
VALUES = st.one_of(
    st.integers(0, 20).map(str),
    st.integers().map(str),
    st.floats(0, 1).map(str),
    st.floats().map(str),
    st.sampled_from(ODD),
    st.text(max_size=12),
)


@st.composite
def command_lines(draw) -> tuple[str, ...]:
    """A few overrides, most of them meant well."""
    line = []
    for group in draw(st.lists(st.sampled_from(sorted(options())), max_size=4, unique=True)):
        line.append(f"{group}={draw(st.sampled_from(options()[group]))}")
    for name in draw(st.lists(st.sampled_from(settings()), max_size=draw(st.integers(0, 2)), unique=True)):
        line.append(f"{name}={draw(VALUES)}")
    if draw(st.integers(0, 9)) == 0:
        line.append(draw(st.text(max_size=20)))
    return tuple(line)


def outcome(line: tuple[str, ...]) -> str:
    """``built``, or the sentence that a user reads.

    Raises:
        AssertionError: An error that has none would reach the user as a traceback, or a sentence has several lines.
    """
    try:
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            cfg = composed((*BASE, *line))
            validate(cfg)
            where = torch.device("cpu")
            build_pool(cfg, build_parts(cfg, where).data, where)
    except (Exception, SystemExit) as error:
        told = mistake_sentence(error)
        if told is None or "\n" in told.strip():
            raise AssertionError(f"{line}: {type(error).__name__}: {error}") from error
        return told
    return "built"
