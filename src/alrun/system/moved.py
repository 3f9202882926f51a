"""Modules, classes and settings that alrun 0.1 named otherwise: an old name is answered by a sentence with the new one.

``alrun check`` goes through a user's own files by these tables (alrun.commands.old_code).
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

SUBCOMMANDS = (
    "advise",
    "ask",
    "check",
    "embed",
    "export",
    "forecast",
    "help",
    "label",
    "merge",
    "new",
    "paper",
    "plan",
    "report",
    "results",
    "select",
    "speed",
    "status",
    "tell",
)
MOVED = {  # modules of alrun; what users import from them has kept its name
    "analysis.bought": "analysis.queried_images",
    "analysis.checks": "analysis.comparability",
    "analysis.command": "commands.console",
    "analysis.one_run": "analysis.run_reader",
    "analysis.overview": "analysis.summary_text",
    "analysis.tables": "analysis.formats",
    "augment": "data.augmentation",
    "checkpoint": "training.checkpoint",
    "chunks": "system.chunks",
    "cli": "commands.cli",
    "closing": "commands.next_step",
    "command": "commands.console",
    "config": "settings.factory",
    "contract": "testing.contract",
    "data.fitted": "settings.fitted",
    "data.listings": "data.image_listing",
    "data.per_class": "pool.per_class_cap",
    "data.pictures": "data.image_decoding",
    "data.redundancy": "pool.redundancy",
    "data.seed_set": "strategies.seed_set",
    "data.splits": "data.image_source",
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
    "models.vae": "strategies.more.vaal_networks",
    "optimization": "training.optimizer",
    "outputs": "models.outputs",
    "own_code": "runs.own_code",
    "parts": "loop.components",
    "plain": "system.safe_text",
    "policy": "data.transform",
    "portable": "runs.portable",
    "progress": "loop.progress",
    "provenance": "loop.provenance",
    "purchase": "strategies.query",
    "query": "strategies.query",
    "revisions": "settings.revisions",
    "rng": "system.rng",
    "round_training": "training.trainer",
    "run": "loop.run",
    "run_folder": "runs.run_folder",
    "schedule": "settings.schedule",
    "search": "commands.search",
    "selection.mutual_neighbours": "selection.mutual_neighbors",
    "selection.neighbour_facility_location": "selection.neighbor_facility_location",
    "selection.neighbours": "selection.neighbors",
    "selection.remaining": "selection.uncovered",
    "sheet": "system.spreadsheet",
    "state": "runs.state",
    "strategies.adversarial": "strategies.more.adversarial",
    "strategies.alfa_mix": "strategies.more.alfa_mix",
    "strategies.batch_bald": "strategies.more.batch_bald",
    "strategies.bemps": "strategies.more.bemps",
    "strategies.cal": "strategies.more.cal",
    "strategies.cluster_margin": "strategies.more.cluster_margin",
    "strategies.clusters": "strategies.more.clusters",
    "strategies.density": "strategies.more.density",
    "strategies.disagreement": "strategies.more.disagreement",
    "strategies.discriminative": "strategies.more.discriminative",
    "strategies.dropquery": "strategies.more.dropquery",
    "strategies.expected_gradient": "strategies.more.expected_gradient",
    "strategies.falcun": "strategies.more.falcun",
    "strategies.grad_match": "strategies.more.grad_match",
    "strategies.herding": "strategies.more.herding",
    "strategies.learning_loss": "strategies.more.learning_loss",
    "strategies.noise_stability": "strategies.more.noise_stability",
    "strategies.partitioned": "strategies.more.partitioned",
    "strategies.power": "strategies.more.power",
    "strategies.submodular": "strategies.more.submodular",
    "strategies.subsample": "strategies.more.subsample",
    "strategies.targeted": "strategies.more.targeted",
    "strategies.temperature": "strategies.more.temperature",
    "strategies.vaal": "strategies.more.vaal",
    "strategies.vaal_networks": "strategies.more.vaal_networks",
    "sweep": "commands.sweep",
    "targets": "settings.targets",
    "thumbnails": "runs.thumbnails",
    "tracking": "loop.tracking",
    "tuning": "commands.speed",
    "train": "training.trainer",
    "trial": "testing.made_queries",
    "typed": "settings.command_line",
    "validate": "settings.checks",
}
DIVIDED = {  # modules of which some names went elsewhere than the rest: where to, and which
    "analysis.figures": {"analysis.figure_style": "annotate bare line_styles styled"},
    "analysis.paper": {
        "analysis.paper.printed": "Table accuracies fitting of_runs selection_times timed times with_options within"
    },
    "analysis.report": {"analysis.intervals": "bounds", "analysis.metric_sections": "by_labels score_table"},
    "analysis.overview": {"system.counts": "counted"},
    "analysis.rounds": {"analysis.result_files": "is_table read_csv"},
    "analysis.scores": {"analysis.efficiency_table": "efficiency_at efficiency_curves efficiency_of run_curves"},
    "checkpoint": {"training.frozen": "Frozen", "training.keeper": "Keeper"},
    "config": {
        "settings.identity": "digest first_model_id identity run_id setting_id",
        "settings.schema": "Budget Paths RunConfig Runtime Scale Training register scaled",
    },
    "errors": {"settings.hydra_errors": "misspelled unknown_key unknown_option", "system.words": "closest"},
    "labelling": {"runs.sheets": "read_answers"},
    "parts": {"loop.opened": "sizes", "loop.part_checks": "check_model check_unlabeled"},
    "portable": {"runs.query_table": "read_queries"},
    "round_training": {"training.position": "Position"},
    "run": {"loop.start": "run"},
    "state": {"runs.round_record": "RoundRecord"},
    "strategies.disagreement": {"strategies.bald": "Bald Disagreement"},
    "strategies.glister": {"models.outputs": "with_one"},
    "strategies.grad_match": {"models.outputs": "with_bias"},
    "strategies.typiclust": {"strategies.more.tcm": "Tcm"},
    "targets": {"settings.guard": "check_hydra"},
    "train": {"training.stop_rule": "StopRule TrainResult"},
    "tuning": {"loop.execution": "Choice apply overruns_in_channels_last"},
}
NAMES = {  # what has a new name, or moved to another module than the rest of its own
    "data.listings.is_picture": "data.image_listing.is_image",
    "data.listings.pictures_under": "data.image_listing.images_under",
    "labelling.Labelling": "runs.labeling.Labeling",
    "pool.Pool": "pool.pool.Pool",
    "selection.mutual_neighbours.mutual_neighbours": "selection.mutual_neighbors.mutual_neighbors",
    "selection.neighbour_facility_location.neighbour_facility_location": (
        "selection.neighbor_facility_location.neighbor_facility_location"
    ),
    "selection.neighbours.nearest_neighbours": "selection.neighbors.nearest_neighbors",
}
NAMES |= {
    f"{old}.{name}": f"{new}.{name}"
    for old, parts in DIVIDED.items()
    for new, names in parts.items()
    for name in names.split()
}
# Settings by group and class. The names of runs hold the old words (alrun.settings.identity), so lines stay.
SETTINGS: dict[str, dict[str, dict[str, str]]] = {
    "strategy": {
        "Bait": {"oversample": "candidate_factor"},
        "BatchBald": {"samples": "sampled_configurations"},
        "Bemps": {"share": "candidate_share"},
        "Cal": {"neighbours": "neighbors"},
        "ClusterMargin": {"candidates": "candidate_factor"},
        "DropQuery": {"samples": "mask_samples"},
        "FromFeatures": {"name": "encoder.name", "weights": "encoder.weights"},  # of the network that embeds
        "Fass": {"candidates": "candidate_factor", "neighbours": "neighbors"},
        "Glister": {"refresh": "refresh_every"},
        "GradMatch": {"lam": "ridge"},
        "NoiseStability": {"samples": "noise_samples"},
        "Submodular": {"neighbours": "neighbors"},
        "Subsample": {"factor": "candidate_factor"},
        "TypiClust": {"neighbours": "neighbors"},
    },
    "seed_set": {
        "FromFeatures": {"name": "encoder.name", "weights": "encoder.weights"},
    },
    "dss": {
        "Glister": {"refreshes": "refresh_every"},
        "GradMatch": {"lam": "ridge"},
    },
}
OPTIONS = {  # that are gone, with what to use instead
    "embeddings=pixels": (
        "choose vectors of a pretrained network: encoder=torchvision for the whole run, or embeddings=features with an "
        "encoder of its own for the selection alone (docs/guides/features.md)"
    ),
    "embeddings=file": (
        "make the file the pool, by dataset=features dataset.path=FILE, and choose embeddings=features, which reads it"
    ),
    "seed_set=facility_location_pixels": (
        "choose seed_set=facility_location, with encoder=torchvision or embeddings@seed_set.embeddings=classifier"
    ),
    "seed_set=dispersion_min_pixels": (
        "choose seed_set=dispersion_min, with encoder=torchvision or embeddings@seed_set.embeddings=classifier"
    ),
}
MEANING = {"dss.Glister": "It counts the picks between two updates, not the updates; null: a hundredth of a selection."}


def new_settings(group: str, target: str | None, name: str) -> dict[str, str]:
    """The classes of ``group`` for which the setting ``name`` has a new name, with that name.

    ``target`` is the class that is set, by its module path; None where that is not known.
    """
    if target is not None and not target.startswith("alrun."):
        return {}
    classes = SETTINGS.get(group, {})
    if target is not None:
        chosen = target.rpartition(".")[2]
        classes = {chosen: classes.get(chosen, {})}
    return {each: names[name] for each, names in classes.items() if name in names}


def setting_sentence(key: str, target: str | None) -> str | None:
    """What to write instead of the old setting ``key`` (``strategy.refresh``) of ``target``, None if it is not old."""
    prefix, _, name = key.rpartition(".")
    group = prefix.partition(".")[0]
    for chosen, new in new_settings(group, target, name).items():
        return f"{key} is now {prefix}.{new}. {MEANING.get(f'{group}.{chosen}', '')}".strip()
    return None


def option_sentence(group: str, option: str) -> str | None:
    """What to use instead of an option that is gone; None if there was no such option."""
    choice = f"{group}={option}"
    return f"{choice} is gone: {OPTIONS[choice]}." if choice in OPTIONS else None


def place_of(module: str, name: str) -> tuple[str, str]:
    """The module and name by which ``name`` of ``module`` (``alrun.errors``) is imported now."""
    old = module.removeprefix("alrun.")
    if not module.startswith("alrun."):
        return module, name
    if (new := NAMES.get(f"{old}.{name}")) is not None:
        place, _, name = new.rpartition(".")
        return f"alrun.{place}", name
    return f"alrun.{f'commands.{old}' if old in SUBCOMMANDS else MOVED.get(old, old)}", name


def module_sentence(name: str) -> str | None:
    """What to write instead of the module ``name`` (``alrun.status``); None if it is not an old name."""
    old = name.removeprefix("alrun.")
    if old in SUBCOMMANDS:
        return f"python -m alrun.{old} is now: alrun {old}, or python -m alrun {old}."
    if old not in MOVED:
        return None
    others = "".join(f"; {names.replace(' ', ', ')}: alrun.{new}" for new, names in DIVIDED.get(old, {}).items())
    return f"alrun.{old} is now alrun.{MOVED[old]}{others}."


class Moved:
    """An import finder for modules that no other finder knows."""

    @staticmethod
    def find_spec(
        name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find no module; raise for an old name.

        Raises:
            ModuleNotFoundError: ``name`` is an old one; the message has the new one.
        """
        if name.startswith("alrun.") and (message := module_sentence(name)):
            raise ModuleNotFoundError(message, name=name)
        return None


def announce_new_names() -> None:
    """Let an import of an old name fail with the new name."""
    if Moved not in sys.meta_path:
        sys.meta_path.append(Moved)
