"""The data of a run as they are opened: once for runs of one process that follow one another on the same files."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from alrun.data import card, content
from alrun.data.dataset import ImageData
from alrun.loop import vector_pools
from alrun.settings import factory, schema


@dataclass(frozen=True)
class Opened:
    """A data set, before ``scale`` and ``limit``. Nothing changes its arrays: runs share them."""

    data: ImageData
    card: dict[str, Any]  # what it is: see alrun.data.card

    @cached_property
    def fingerprint(self) -> str:
        """Of all examples and labels."""
        return self.data.fingerprint()


_last: dict[str, Opened] = {}  # one at most: two data sets may not fit into memory


def opened(cfg: DictConfig, where: torch.device) -> Opened:
    """The data set that the settings name, or the vectors that their encoder makes of it.

    Raises:
        UserError: It cannot be read, or does not fit what is set.
    """
    key = key_of(cfg)
    if key is None or key not in _last:
        _last.clear()
        data: ImageData = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
        told = card.describe_data(data)
        data, features = vector_pools.encoded(cfg, data, where, sizes(cfg, data))
        made = Opened(data, told | features)
        if key is None:
            return made
        _last[key] = made
    return _last[key]


def key_of(cfg: DictConfig) -> str | None:
    """What decides what is opened: settings and the content of files; None of a user's own code, which may do more."""
    names = ("dataset", "encoder", "limit", "scale")
    settings: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, list(names)), resolve=True)
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
