"""Where results come from: options, versions, commit, device and data, in run.json."""

import json
import logging
import platform
import subprocess
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import alrun
from alrun.loop.execution import Choice
from alrun.runs import run_folder, schema
from alrun.system import device, energy, files

log = logging.getLogger(__name__)


def write_run_json(
    run_dir: Path,
    settings: dict[str, Any],
    code: dict[str, str],
    data: str,
    card: dict[str, Any],
    where: torch.device,
    execution: Choice,
    code_changed: dict[str, int],
    machines_before: list[dict[str, Any]],
) -> None:
    """Write run.json beside the results.

    ``settings`` comes from alrun.settings.identity.settings_record, ``code`` has hashes of the user's code, ``data`` is
    the fingerprint of the data set, ``card`` describes it, and ``code_changed`` says after which round a file of the
    user's code was found changed. ``machines_before`` comes from ``find_machines_before``.
    """
    record = {
        schema.KEY: schema.SCHEMA_VERSION,
        **settings,
        "data": data,
        "dataset": card,
        "code": code,
        "code_changed": run_folder.read_record(run_dir).get("code_changed", {}) | code_changed,
        "machines_before": machines_before,
        "device": device.describe(where),
        "energy": energy.meter(where).described,
        **asdict(execution),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {
            "alrun": alrun.__version__,
            "commit": git_commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "numpy": np.__version__,
        },
    }
    files.write_text(run_dir / "run.json", json.dumps(record, indent=2) + "\n")


def note_end(run_dir: Path, rounds: int, reason: str) -> None:
    """Record in run.json that the run ended after this number of ``rounds``, and why."""
    record = run_folder.read_record(run_dir)
    record["rounds"] = record["rounds"][:rounds]
    files.write_text(run_dir / "run.json", json.dumps({**record, "ended_by": reason}, indent=2) + "\n")


def find_machines_before(run_dir: Path, where: torch.device, execution: Choice, rounds: int) -> list[dict[str, Any]]:
    """The other machines that computed the first ``rounds`` of a run; warns if the last of them was another one.

    Each has ``until_round`` and what decides bytes: torch, device, instruction set, threads and memory format. Equal
    bytes are promised if all are the same; otherwise the rest of the run is another draw from the same distribution.
    """
    if not rounds:
        return []
    record = run_folder.read_record(run_dir)
    versions = record.get("versions")
    known = {**record, **versions} if isinstance(versions, dict) else {}  # else damaged, and written again in a moment
    now = {
        "torch": torch.__version__,
        "device": device.describe(where),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **asdict(execution),
    }
    earlier = list(record.get("machines_before", []))
    last = {"until_round": rounds - 1, **{name: known[name] for name in now if name in known}}
    if earlier and earlier[-1]["until_round"] == rounds - 1:  # that of run.json computed no round
        last = earlier.pop()
    others = [f"{name} {now[name]}, not {last[name]}" for name in now if name in last and last[name] != now[name]]
    if not others:
        return earlier
    log.warning(
        "going on elsewhere (%s): from here on results agree with those there in distribution, not in every bit",
        "; ".join(others),
    )
    return [*earlier, last]


@cache  # one process runs one code
def git_commit() -> str | None:
    """The commit of the checkout that this code runs from, ``+changes`` if edited; None where alrun is installed."""
    root = Path(alrun.__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None  # installed; a repository further up would be another project's
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+changes", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
