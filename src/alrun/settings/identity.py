"""Names a run by everything that decides its results, and nothing else. Imports no torch.

A name is made of the settings that are not neutral, the content of the data, and the revisions of the components that
compute the results. It has neither paths nor neutral settings: the same images in another folder are the same run,
and a new setting does not rename runs that leave it neutral.
"""

import hashlib
import json
import re
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from alrun.data import content
from alrun.settings.revisions import revisions, revisions_used
from alrun.settings.schedule import labels_by_round
from alrun.settings.vector_pools import seed_set_of
from alrun.system import moved

# Where and how a run is executed, and what it is called, do not change what it computes.
NOT_IDENTITY = ("hydra", "runtime", "paths", "tracking", "name", "variant", "baseline", "allow")

# Values with which a setting has no effect: they are left out. A setting that is added later gets a line here.
NEUTRAL: dict[str, Any] = {
    "encoder": None,
    "augmentation": {"_target_": "NoAugmentation"},
    "shift": {"_target_": "NoShift"},
    "open_set": {"_target_": "NoStrangers"},
    "imbalance": {"_target_": "NoImbalance"},
    "redundancy": {"_target_": "NoRedundancy"},
    "per_class_cap": {"_target_": "NoCap"},
    "seed_set": {"_target_": "RandomSeedSet"},
    "annotator": {"_target_": "Perfect"},
    "cost": {"_target_": "OneEach", "price": 1.0},
    "stopping": {"_target_": "NoStopping"},
    "budget.until_accuracy": None,
    "dss": {"_target_": "NoSubset"},
    "dataset.test_split": None,
    "dataset.class_level": None,
    "dataset.group": None,
    "dataset.white": None,
    "dataset.manifest": None,
    "model.pretrained": False,
    "model.weights": None,
    "model.freeze": "none",
    "model.backbone_rate": 1.0,
    "optimizer.schedule": None,
    "optimizer.swa": None,
    "optimizer.label_smoothing": 0.0,
    "training.restart_below": 0.0,
    "training.balance": "none",
    "strategy.vae_steps": 1,
    "strategy.candidates": None,
    "strategy.inner.candidates": None,
    "strategy.nearby": "auto",
    "strategy.inner.nearby": "auto",
    "seed_set.strategy.nearby": "auto",
    "first_optimizer": None,
    "first_model": None,
    "validation": None,
    "limit": None,
    "initial_seed": None,
}

NEUTRAL |= {  # of a data set beside that of the run
    f"{group}.{key}": value
    for group in ("shift", "open_set")
    for key, value in NEUTRAL.items()
    if key.startswith("dataset.")
}

# Subset selections that train round 0 on all labels, so that its model is the same as without them.
FULL_FIRST = ("Craig", "Glister", "GradMatch", "Random")


def identity(cfg: DictConfig) -> dict[str, Any]:
    """The resolved settings that decide what a run computes, without the neutral ones, as plain values.

    Components are named by their classes, files and folders by their content. ``share`` is how much of the data is
    used, ``revisions`` lists the components that have been revised.

    Raises:
        UserError: A file of the data cannot be read.
    """
    settings = {str(key): plain(cfg, str(key)) for key in cfg if key not in NOT_IDENTITY}
    settings = content.with_content_hashes(settings, cfg.paths.data, cfg.paths.outputs)
    revised = revisions(settings, partial(images_in_pool, cfg))
    settings = with_old_settings(with_short_names(settings))
    if isinstance(settings.get("encoder"), dict):
        settings["encoder"].pop("trained_on", None)  # is reported, and decides nothing
    if settings.get("first_optimizer") == settings["optimizer"]:
        settings["first_optimizer"] = None  # it is what trains round 0 anyway
    for key, value in NEUTRAL.items():
        node, last = owner(settings, key)
        if last in node and node[last] == value:
            del node[last]
    scale = settings.pop("scale")  # of epochs and widths: they show in what they change
    share = {key: scale[key] for key in ("examples", "test") if scale[key] != 1}
    return settings | ({"share": share} if share else {}) | ({"revisions": revised} if revised else {})


def settings_record(cfg: DictConfig, choices: dict[str, str]) -> dict[str, Any]:
    """What run.json says about a run's settings, as plain values; ``choices`` are the chosen options."""
    return {
        "options": choices,
        "strategy": OmegaConf.to_container(cfg.strategy, resolve=True),
        "settings": identity(cfg),
        "rounds": labels_by_round(cfg.budget, cfg.validation),
        "seed": cfg.seed,
        "variant": cfg.variant,
        "baseline": cfg.baseline,
        "revisions": revisions_used(deciding(cfg), partial(images_in_pool, cfg)),
        "carbon_intensity": cfg.runtime.carbon_intensity,
        "precision": cfg.training.precision,
    }


def plain(cfg: DictConfig, key: str) -> Any:
    """The resolved value of a setting, or of all settings in it, as plain values; ``???`` where there is none."""
    if OmegaConf.is_missing(cfg, key):
        return "???"
    value = seed_set_of(cfg) if key == "seed_set" else cfg[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def images_in_pool(cfg: DictConfig) -> int | None:
    """The size of a pool of a user's own images, before anything shapes it; None for other data, or if unknown.

    0.1.0 read no data but images, and no others had as many as matter to a revision.
    """
    from alrun.settings import data_size  # numpy comes with it; most runs need none

    target = str(cfg.dataset.get("_target_")) if isinstance(cfg.dataset, DictConfig) else ""
    if cfg.encoder is not None or target.startswith(("alrun.data.vectors.", "alrun.data.tables.")):
        return None
    known = data_size.count_data(cfg)
    return None if known is None else round(known.pool * cfg.scale.examples) - (cfg.validation or 0)


def owner(settings: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds the dotted ``key``, or an empty one, and the last part of the key."""
    *outer, last = key.split(".")
    for part in outer:
        settings = settings[part] if isinstance(settings.get(part), dict) else {}
    return settings, last


def deciding(cfg: DictConfig) -> dict[str, Any]:
    """The settings that may decide results, as plain values; interpolations stay as they are written."""
    settings: Any = OmegaConf.to_container(cfg)
    return {str(key): value for key, value in settings.items() if key not in NOT_IDENTITY}


def with_short_names(node: Any) -> Any:
    """``node`` with alrun's classes by name, without modules: where a class is defined decides no result."""
    if isinstance(node, dict):
        return {
            str(key): value.rpartition(".")[2]
            if key == "_target_" and str(value).startswith("alrun.")
            else with_short_names(value)
            for key, value in node.items()
        }
    return [with_short_names(value) for value in node] if isinstance(node, list) else node


def with_old_settings(node: Any, group: str | None = None) -> Any:
    """``node`` with renamed settings under their first names: renaming a setting does not rename runs."""
    if isinstance(node, list):
        return [with_old_settings(value, group) for value in node]
    if not isinstance(node, dict):
        return node
    made = {str(key): with_old_settings(value, group or str(key)) for key, value in node.items()}
    target = made.get("_target_")
    if (group, target) == ("dss", "Glister"):  # the old setting counted something else, with the same default
        return with_hundred_refreshes(made)
    new = {new: old for old, new in moved.SETTINGS.get(group or "", {}).get(str(target), {}).items()}
    return {new.get(key, key): value for key, value in made.items()}


def with_hundred_refreshes(node: dict[str, Any]) -> dict[str, Any]:
    """Settings of ``dss=glister``, with the default of ``refresh_every`` as it was first written."""
    if node.get("refresh_every", 0) is not None:
        return node
    return {key: value for key, value in node.items() if key != "refresh_every"} | {"refreshes": 100}


def with_new_settings(node: Any, group: str | None = None) -> Any:
    """``node``, settings of a run.json, under the names that the command line has for them: undoes the above."""
    if isinstance(node, list):
        return [with_new_settings(value, group) for value in node]
    if not isinstance(node, dict):
        return node
    target = str(node.get("_target_"))
    new = moved.SETTINGS.get(group or "", {}).get(target, {})
    made = {new.get(key, key): with_new_settings(value, group or key) for key, value in node.items()}
    if (group, target) == ("dss", "Glister") and "refreshes" in node:
        made["refresh_every"] = None  # a hundred refreshes are what null means now
    return made


def digest(value: Any, length: int = 8) -> str:
    """A short name for a plain value, the same on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:length]


def setting_id(*, _root_: DictConfig) -> str:
    """Folder of all runs that differ only in strategy and seed: ``<data>-<model>-<hash>``.

    ``<data>`` is the chosen option or, for a user's own data, the name of their folder or file and a hash of their
    content, so that runs with the same settings on other data have their own folder.
    """
    settings = identity(_root_)
    data, model = _root_.hydra.runtime.choices.dataset, _root_.hydra.runtime.choices.model
    if isinstance(settings["dataset"], dict) and "path" in settings["dataset"]:
        data = re.sub(r"[^\w.+-]+", "_", settings["dataset"].pop("path")).lstrip(".-")
    return f"{data}-{model}-{digest(without_strategy(settings))}"


def without_strategy(settings: dict[str, Any]) -> dict[str, Any]:
    """The part of an identity that all strategies and repeats share."""
    shared = {key: value for key, value in settings.items() if key not in ("strategy", "seed", "revisions")}
    revised = {group: value for group, value in settings.get("revisions", {}).items() if group != "strategy"}
    return shared | ({"revisions": revised} if revised else {})


def run_id(*, _root_: DictConfig) -> str:
    """Folder of one run in its setting's: ``<strategy>-<hash>-seed<seed>``."""
    settings = identity(_root_)
    revised = settings.get("revisions", {}).get("strategy")
    strategy = [settings["strategy"], revised] if revised else settings["strategy"]
    return f"{_root_.hydra.runtime.choices.strategy}-{digest(strategy, 6)}-seed{_root_.seed}"


def first_model_id(cfg: DictConfig) -> str:
    """Hash of everything that the model of round 0 depends on, except data and device."""
    settings = without_strategy(identity(first_round(cfg)))
    del settings["training"]["reset"]
    if isinstance(settings.get("dss"), dict) and settings["dss"].get("_target_") in FULL_FIRST:
        del settings["dss"]
        settings.get("revisions", {}).pop("dss", None)
    settings["budget"] = settings["budget"]["seed_size"]
    settings.pop("stopping", None)
    settings["initial_seed"] = initial_seed(cfg)
    return digest(settings, 16)


def first_round(cfg: DictConfig) -> DictConfig:
    """The settings that train round 0: those of the run, with ``first_optimizer`` if it is given."""
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
