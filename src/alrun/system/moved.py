"""Where modules of alrun 0.1 and 0.2 are now. Who imports one by its old name is told the new one, in one sentence."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

SUBCOMMANDS = ("ask", "check", "embed", "help", "new", "paper", "plan", "report", "results", "speed", "status", "tell")
MOVED = {  # below alrun; what these modules define has kept its name
    "augment": "data.augmentation",
    "checkpoint": "training.checkpoint",
    "chunks": "system.chunks",
    "cli": "commands.cli",
    "closing": "commands.next_step",
    "command": "commands.console",
    "config": "settings.factory",
    "contract": "testing.contract",
    "data.fitted": "settings.fitted",
    "data.listings": "data.picture_listing",
    "data.per_class": "pool.per_class_cap",
    "data.pictures": "data.picture_decoding",
    "data.redundancy": "pool.redundancy",
    "data.seed_set": "strategies.seed_set",
    "data.splits": "data.picture_source",
    "data.torchvision_import": "system.torchvision_import",
    "debugging": "loop.debugging",
    "device": "system.device",
    "dss": "training.subsets",
    "dss.base": "training.subsets.base",
    "dss.craig": "training.subsets.craig",
    "dss.glister": "training.subsets.glister",
    "dss.grad_match": "training.subsets.grad_match",
    "dss.random": "training.subsets.random",
    "durations": "runs.durations",
    "early": "system.early",
    "embeddings": "strategies.embeddings",
    "energy": "system.energy",
    "energy_sources": "system.energy_sources",
    "engine": "training.engine",
    "errors": "system.errors",
    "evaluation": "training.evaluation",
    "execution": "loop.execution",
    "files": "system.files",
    "finished": "runs.finished",
    "first_model": "runs.first_model",
    "gpus": "system.gpus",
    "graph": "training.cuda_graph",
    "grid": "settings.planned_runs",
    "guard": "settings.guard",
    "identity": "settings.identity",
    "infer": "models.infer",
    "interruption": "system.interruption",
    "labelling": "runs.labeling",
    "lock": "system.lock",
    "memory": "testing.peak_memory",
    "model": "models.classifier",
    "models.vae": "strategies.vaal_networks",
    "optimization": "training.optimizer",
    "outputs": "models.outputs",
    "own_code": "runs.own_code",
    "parts": "loop.components",
    "plain": "system.safe_text",
    "policy": "data.transform",
    "portable": "runs.portable",
    "progress": "loop.progress",
    "provenance": "loop.provenance",
    "query": "strategies.query",
    "revisions": "settings.revisions",
    "rng": "system.rng",
    "round_training": "training.trainer",
    "run": "loop.run",
    "run_folder": "runs.run_folder",
    "schedule": "settings.schedule",
    "search": "commands.search",
    "selection.remaining": "selection.uncovered",
    "sheet": "system.spreadsheet",
    "state": "runs.state",
    "sweep": "commands.sweep",
    "targets": "settings.targets",
    "thumbnails": "runs.thumbnails",
    "tracking": "loop.tracking",
    "train": "training.trainer",
    "trial": "testing.made_queries",
    "typed": "settings.command_line",
    "validate": "settings.checks",
}


def sentence(name: str) -> str | None:
    """What to write instead of the module ``name`` (``alrun.status``), None where nothing is known of it."""
    old = name.removeprefix("alrun.")
    if old in SUBCOMMANDS:
        return f"python -m alrun.{old} is now: alrun {old}, or python -m alrun {old}."
    return f"alrun.{old} is now alrun.{MOVED[old]}." if old in MOVED else None


class Moved:
    """A finder for names that no other finder knows."""

    @staticmethod
    def find_spec(
        name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Never a module.

        Raises:
            ModuleNotFoundError: ``name`` is an old one; the message has the new one.
        """
        if name.startswith("alrun.") and (told := sentence(name)):
            raise ModuleNotFoundError(told, name=name)
        return None


def tell() -> None:
    """Let imports of old names say the new ones."""
    if Moved not in sys.meta_path:
        sys.meta_path.append(Moved)
