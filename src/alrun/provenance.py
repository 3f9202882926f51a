"""Where results come from: options, versions, commit, device and data, in run.json."""

import json
import platform
import subprocess
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

import alrun
from alrun import device, energy, files, finished, identity, revisions
from alrun.tuning import Choice


def write(
    run_dir: Path, cfg: DictConfig, choices: dict[str, str], data: str, where: torch.device, execution: Choice
) -> None:
    """Leave run.json beside the results; ``choices`` are the chosen options, ``data`` is the fingerprint."""
    record = {
        "options": choices,
        "strategy": OmegaConf.to_container(cfg.strategy, resolve=True),
        "settings": identity.identity(cfg),
        "seed": cfg.seed,
        "variant": cfg.variant,
        "baseline": cfg.baseline,
        "data": data,
        "revisions": revisions.used(identity.deciding(cfg)),
        "code": finished.code(cfg),
        "device": device.describe(where),
        "energy": energy.meter(where).described,
        "carbon_intensity": cfg.runtime.carbon_intensity,
        "precision": cfg.training.precision,
        **asdict(execution),
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


@cache  # one process runs one code
def git_commit() -> str | None:
    """The commit of the checkout that this code runs from, ``+changes`` if edited; None where alrun is installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None  # installed; a repository further up would be somebody else's
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+changes", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
