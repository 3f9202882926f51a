"""What a finished run must still prove: that its tables are as they were written, and its code as it was."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from alrun import files
from alrun.identity import deciding
from alrun.run_folder import RESULTS, record, shown

LIBRARIES = ("alrun", "torch", "torchvision", "timm")  # their versions are in run.json


def seal(run_dir: Path) -> None:
    """Leave the mark that the run is done, with the hashes of its results."""
    files.write_text(run_dir / "done", json.dumps({name: sha256(run_dir / name) for name in RESULTS}) + "\n")


def altered(run_dir: Path) -> list[str]:
    """Results of a finished run that are not as they were when it ended."""
    with suppress(ValueError):
        sealed = json.loads((run_dir / "done").read_text())
        return [name for name, known in sealed.items() if sha256(run_dir / name) != known]
    return []  # alrun 0.1.0 kept no hashes


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def code(cfg: DictConfig) -> dict[str, str]:
    """Hashes of the files that define what the settings name outside of alrun and its libraries.

    A file that such a file imports is not among them.
    """
    found = {}
    for target in targets(deciding(cfg)):
        path = source(target)
        if target.partition(".")[0] not in LIBRARIES and path is not None:
            found[path.name] = sha256(path)
    return found


def targets(node: Any) -> Iterator[str]:
    """Everything that is named by a ``_target_`` in a plain value."""
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def source(target: str) -> Path | None:
    """The file that defines the module of ``target``, None where there is none."""
    name = target
    while name:
        with suppress(ImportError, ValueError, AttributeError):
            spec = importlib.util.find_spec(name)
            if spec is not None:
                return Path(spec.origin) if spec.origin and spec.has_location else None
        name = name.rpartition(".")[0]
    return None


def changed_code(run_dir: Path, cfg: DictConfig) -> list[str]:
    """Files of a user's own code that are not as they were when the run in ``run_dir`` began."""
    known = record(run_dir).get("code", {})
    return [name for name, now in code(cfg).items() if known.get(name, now) != now]


def restore(run_dir: Path) -> None:
    """Write the tables of a finished run anew from its checkpoint."""
    from alrun.state import RunState  # and with it torch

    if (run_dir / "state.pt").exists():  # runs that were copied have their tables alone
        RunState.load(run_dir).write_views(run_dir)


def doubts(run_dir: Path, cfg: DictConfig) -> list[str]:
    """Sentences on what has changed since the run in ``run_dir`` ended; altered tables are written anew first."""
    found = []
    if names := altered(run_dir):
        restore(run_dir)
        written = ", ".join(names)
        kept = altered(run_dir)
        found.append(
            f"{written} in {shown(run_dir)} had been changed since the run ended and "
            + (f"cannot be restored ({', '.join(kept)}): delete the folder." if kept else "was restored.")
        )
    for name in changed_code(run_dir, cfg):
        found.append(
            f"{name} has changed since {shown(run_dir)} was computed: its results are those of the old code. Delete "
            "the folder to compute them anew."
        )
    return found
