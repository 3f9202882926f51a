"""Realistic pools: shift, open_set and imbalance applied to the data of a run, in this order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from alrun.data.dataset import ImageData
from alrun.loop.opened import opened_beside
from alrun.loop.part_checks import reads_labels
from alrun.pool.imbalance import Imbalance, NoImbalance
from alrun.pool.open_set import NoStrangers, OpenSet
from alrun.pool.shift import NoShift, Shift
from alrun.settings import factory
from alrun.settings.identity import initial_seed
from alrun.system import rng


def shaped(cfg: DictConfig, data: ImageData, where: torch.device) -> tuple[ImageData, list[str]]:
    """``data`` with the shift, the strangers and the imbalance of the settings, and fingerprints of other data in it.

    ``data`` itself where the settings ask for none.

    Raises:
        UserError: One of them is not possible, or nobody knows the labels.
    """
    shift: Shift = factory.build(without_dataset(cfg.shift), "shift")
    open_set: OpenSet = factory.build(without_dataset(cfg.open_set), "open_set")
    imbalance: Imbalance = factory.build(cfg.imbalance, "imbalance")
    others: list[str] = []

    def other(group: str) -> ImageData | None:
        found = opened_beside(cfg, group, where)
        if found is None:
            return None
        others.append(found.fingerprint)
        return found.kept(cfg)

    steps: list[tuple[str, Any, type, Callable[[ImageData, np.random.Generator], ImageData]]] = [
        ("shift", shift, NoShift, lambda each, draws: shift.shift(each, other("shift"), draws)),
        ("open_set", open_set, NoStrangers, lambda each, draws: open_set.open(each, other("open_set"), draws)),
        ("imbalance", imbalance, NoImbalance, imbalance.unbalance),
    ]
    for key, part, none, change in steps:
        if isinstance(part, none):
            continue
        if data.is_unlabeled:
            raise reads_labels(part, key)
        data = change(data, np.random.default_rng(rng.derive(initial_seed(cfg), key)))
    return data, others


def without_dataset(node: DictConfig) -> DictConfig:
    """The settings of a part without the other data set, which is opened for it."""
    if not isinstance(node, DictConfig):
        return node  # which is refused where it is built
    return OmegaConf.masked_copy(node, [str(key) for key in node if key != "dataset"])
