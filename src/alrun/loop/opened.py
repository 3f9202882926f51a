"""Opens the data of a run, once for all runs that follow one another in a process and use the same files."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from alrun.data import card, content
from alrun.data.dataset import ImageData
from alrun.data.kept_fingerprint import kept_fingerprint
from alrun.data.row_checks import refuse_lost
from alrun.loop import vector_pools
from alrun.settings import factory, schema
from alrun.system.errors import located


@dataclass(frozen=True)
class Opened:
    """A data set, before ``scale`` and ``limit``. Nothing changes its arrays: runs share them."""

    data: ImageData
    card: dict[str, Any]  # what it is: see alrun.data.card
    cache: Path  # where hashes are kept

    @cached_property
    def fingerprint(self) -> str:
        """Of all examples and labels."""
        return kept_fingerprint(self.data, self.cache)

    def kept(self, cfg: DictConfig) -> ImageData:
        """The examples that ``scale`` and ``limit`` leave.

        Raises:
            UserError: Rows of vectors are not finite; all of them are read only for the fingerprint of all.
        """
        some = self.data.thinned(*sizes(cfg, self.data))
        if some is not self.data and some.is_vectors:
            for split, rows in (("training", some.train_images), ("test", some.test_images)):
                refuse_lost(rows, f"dataset, {split} split", large=True)
        return some


# By the setting that names it, one at most of each: more data sets may not fit into memory.
_last: dict[str, tuple[str, Opened]] = {}


def opened(cfg: DictConfig, where: torch.device, setting: str = "dataset") -> Opened:
    """The data set that ``setting`` names, or the vectors that the encoder of the run makes of it.

    Raises:
        UserError: It cannot be read, or does not fit what is set.
    """
    key = key_of(cfg)
    if setting not in _last or _last[setting][0] != key:
        _last.pop(setting, None)
        data: ImageData = factory.build(cfg.dataset, setting, root=cfg.paths.data)
        described = card.describe_data(data)
        data, features = vector_pools.encoded(cfg, data, where, sizes(cfg, data))
        made = Opened(data, described | features, Path(cfg.paths.outputs) / "cache" / "content")
        if key is None:
            return made
        _last[setting] = key, made
    return _last[setting][1]


def opened_beside(cfg: DictConfig, group: str, where: torch.device) -> Opened | None:
    """The data set that ``<group>.dataset`` names beside that of the run, encoded in the same way; None without one.

    Raises:
        UserError: It cannot be read.
    """
    setting = f"{group}.dataset"
    node = cfg[group].get("dataset") if cfg[group] is not None else None
    if node is None:
        _last.pop(setting, None)
        return None
    other = cfg.copy()
    with open_dict(other):
        other.dataset = node
    with located(setting):
        return opened(other, where, setting)


def key_of(cfg: DictConfig) -> str | None:
    """What decides the opened data: settings and content of files. None for a user's own code, which may read more."""
    names = ("dataset", "encoder", "limit", "scale")
    settings: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [*names, "paths"]), resolve=True)
    del settings["paths"]  # to which the others may refer
    for part in (settings["dataset"], settings["encoder"] or {}):
        if not str(part.get("_target_", "alrun.")).startswith("alrun."):
            return None
    if settings["dataset"].get("manifest"):  # it grows, and keeps its name
        return None
    if settings["encoder"] is None:
        settings = {"dataset": settings["dataset"]}
    return json.dumps(
        [cfg.paths.data, content.with_content_hashes(settings, cfg.paths.data, cfg.paths.outputs)], sort_keys=True
    )


def sizes(cfg: DictConfig, data: ImageData) -> list[int]:
    """Training and test examples that ``scale`` and ``limit`` leave of ``data``."""
    whole = ((data.train_labels, cfg.scale.examples), (data.test_labels, cfg.scale.test))
    scaled = (min(len(labels), schema.scaled(len(labels), share)) for labels, share in whole)  # 0 of an empty split
    return [count if cfg.limit is None else min(count, cfg.limit) for count in scaled]
