"""What a run is called: all that decides its results and nothing else. Imports no torch.

A name is made of the settings that are not neutral, the content of the data, and the revisions of the components that
compute the results. It holds neither a path nor a neutral setting: the same pictures in another folder are the same
runs, and a new group of settings renames no run that leaves it alone.
"""

import hashlib
import json
import re
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from alrun.data import content
from alrun.settings.revisions import revisions, used
from alrun.settings.schedule import rounds
from alrun.system import moved

# Neither where nor how a run is executed, nor what it is called, changes what it computes.
NOT_IDENTITY = ("hydra", "runtime", "paths", "tracking", "name", "variant", "baseline", "allow")

# Values at which a setting does nothing: they are left out. A setting that is added later gets its line here.
NEUTRAL: dict[str, Any] = {
    "encoder": None,
    "augmentation": {"_target_": "NoAugmentation"},
    "redundancy": {"_target_": "NoRedundancy"},
    "per_class_cap": {"_target_": "NoCap"},
    "seed_set": {"_target_": "RandomSeedSet"},
    "dss": {"_target_": "NoSubset"},
    "dataset.test_split": None,
    "dataset.class_level": None,
    "dataset.group": None,
    "dataset.white": None,
    "model.pretrained": False,
    "model.weights": None,
    "model.freeze": "none",
    "model.backbone_rate": 1.0,
    "optimizer.schedule": None,
    "optimizer.swa": None,
    "optimizer.label_smoothing": 0.0,
    "training.restart_below": 0.0,
    "strategy.vae_steps": 1,
    "first_optimizer": None,
    "first_model": None,
    "validation": None,
    "limit": None,
    "initial_seed": None,
}

# Subset selections that train round 0 on all labels, so that its model is the one without them.
FULL_FIRST = ("Craig", "Glister", "GradMatch", "Random")


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The resolved settings that decide what a run computes, without the neutral ones, as plain values.

    Components have the names of their classes, files and folders their content. ``share`` tells how much of the
    data is used, ``revisions`` which components have been revised.

    Raises:
        UserError: A file of the data cannot be read.
    """
    plain = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key not in NOT_IDENTITY])
    plain._set_parent(None)
    full = OmegaConf.merge({"training": cfg.training, "optimizer": cfg.optimizer}, plain)
    settings: Any = OmegaConf.to_container(full, resolve=True, throw_on_missing=False)
    assert isinstance(settings, dict)
    settings = content.named(settings, cfg.paths.data, cfg.paths.outputs)
    revised = revisions(settings)
    settings = with_old_settings(with_short_names(settings))
    if isinstance(settings.get("encoder"), dict):
        settings["encoder"].pop("trained_on", None)  # is told, and decides nothing
    if settings.get("first_optimizer") == settings["optimizer"]:
        settings["first_optimizer"] = None  # it is what trains round 0 anyway
    for key, value in NEUTRAL.items():
        node, last = owner(settings, key)
        if last in node and node[last] == value:
            del node[last]
    scale = settings.pop("scale")  # of epochs and widths: they show in what they change
    share = {key: scale[key] for key in ("examples", "test") if scale[key] != 1}
    return settings | ({"share": share} if share else {}) | ({"revisions": revised} if revised else {})


def record(cfg: DictConfig, choices: dict[str, str]) -> dict[str, Any]:
    """What run.json says of a run's settings, as plain values; ``choices`` are the chosen options."""
    return {
        "options": choices,
        "strategy": OmegaConf.to_container(cfg.strategy, resolve=True),
        "settings": identity(cfg),
        "rounds": rounds(cfg.budget, cfg.validation),
        "seed": cfg.seed,
        "variant": cfg.variant,
        "baseline": cfg.baseline,
        "revisions": used(deciding(cfg)),
        "carbon_intensity": cfg.runtime.carbon_intensity,
        "precision": cfg.training.precision,
    }


def owner(settings: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds the dotted ``key``, an empty one where there is none, and the key's last part."""
    *outer, last = key.split(".")
    for part in outer:
        settings = settings[part] if isinstance(settings.get(part), dict) else {}
    return settings, last


def deciding(cfg: DictConfig) -> dict[str, Any]:
    """The settings that may decide results as plain values, interpolations as they are written."""
    settings: Any = OmegaConf.to_container(cfg)
    return {str(key): value for key, value in settings.items() if key not in NOT_IDENTITY}


def with_short_names(node: Any) -> Any:
    """``node`` with the classes of alrun by their names alone: where a class is defined decides no result."""
    if isinstance(node, dict):
        return {
            str(key): value.rpartition(".")[2]
            if key == "_target_" and str(value).startswith("alrun.")
            else with_short_names(value)
            for key, value in node.items()
        }
    return [with_short_names(value) for value in node] if isinstance(node, list) else node


def with_old_settings(node: Any, group: str | None = None) -> Any:
    """``node`` with settings that were renamed by the names that they had first: a new word renames no run."""
    if isinstance(node, list):
        return [with_old_settings(value, group) for value in node]
    if not isinstance(node, dict):
        return node
    made = {str(key): with_old_settings(value, group or str(key)) for key, value in node.items()}
    target = made.get("_target_")
    if (group, target) == ("dss", "Glister"):  # whose old word counted something else; the default did the same
        return with_hundred_refreshes(made)
    new = {new: old for old, new in moved.SETTINGS.get(group or "", {}).get(str(target), {}).items()}
    return {new.get(key, key): value for key, value in made.items()}


def with_hundred_refreshes(node: dict[str, Any]) -> dict[str, Any]:
    """Settings of ``dss=glister``, with the default of ``refresh_every`` as it was written first."""
    if node.get("refresh_every", 0) is not None:
        return node
    return {key: value for key, value in node.items() if key != "refresh_every"} | {"refreshes": 100}


def digest(value: Any, length: int = 8) -> str:
    """A short name for a plain value, the same on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:length]


def setting_id(*, _root_: DictConfig) -> str:
    """Folder of all runs that differ in strategy and seed alone: ``<data>-<model>-<hash>``.

    ``<data>`` is the chosen option or, of a user's own data, the name of their folder or file and a hash of their
    content: runs with the same settings on other data lie side by side.
    """
    settings = identity(_root_)
    data, model = _root_.hydra.runtime.choices.dataset, _root_.hydra.runtime.choices.model
    if isinstance(settings["dataset"], dict) and "path" in settings["dataset"]:
        data = re.sub(r"[^\w.+-]+", "_", settings["dataset"].pop("path")).lstrip(".-")
    return f"{data}-{model}-{digest(without_strategy(settings))}"


def without_strategy(settings: dict[str, Any]) -> dict[str, Any]:
    """What all strategies and repeats share of an identity."""
    shared = {key: value for key, value in settings.items() if key not in ("strategy", "seed", "revisions")}
    revised = {group: value for group, value in settings.get("revisions", {}).items() if group != "strategy"}
    return shared | ({"revisions": revised} if revised else {})


def run_id(*, _root_: DictConfig) -> str:
    """Folder of one run in it: ``<strategy>-<hash>-seed<seed>``."""
    settings = identity(_root_)
    revised = settings.get("revisions", {}).get("strategy")
    strategy = [settings["strategy"], revised] if revised else settings["strategy"]
    return f"{_root_.hydra.runtime.choices.strategy}-{digest(strategy, 6)}-seed{_root_.seed}"


def first_model_id(cfg: DictConfig) -> str:
    """Name of all that the model of round 0 depends on, data and device aside."""
    settings = without_strategy(identity(first_round(cfg)))
    del settings["training"]["reset"]
    if isinstance(settings.get("dss"), dict) and settings["dss"].get("_target_") in FULL_FIRST:
        del settings["dss"]
        settings.get("revisions", {}).pop("dss", None)
    settings["budget"] = settings["budget"]["seed_size"]
    settings["initial_seed"] = initial_seed(cfg)
    return digest(settings, 16)


def first_round(cfg: DictConfig) -> DictConfig:
    """The settings that train round 0: those of the run, with ``first_optimizer`` where one is given."""
    if cfg.get("first_optimizer") is None:
        return cfg
    trains = OmegaConf.to_container(cfg.first_optimizer, resolve=True)
    first = cfg.copy()
    with open_dict(first):
        first.optimizer, first.first_optimizer = trains, None
    return first


def initial_seed(cfg: DictConfig) -> int:
    """The seed of the seed set and the first model: the run's own, unless one is given for all repeats."""
    return cfg.seed if cfg.initial_seed is None else cfg.initial_seed
