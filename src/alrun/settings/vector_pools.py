"""Recognizes pools of vectors by the settings, before any data are read: they already have their embeddings."""

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

HOLD_VECTORS = ("alrun.data.vectors.features", "alrun.data.tables.table")  # data sets
OPTIONS = tuple(target.rpartition(".")[2] for target in HOLD_VECTORS)  # of dataset=, which give them
# The network of seed_set=facility_location and dispersion_min, for pools of images, as conf/ has it.
NETWORK_OF_SEED_SETS = {
    "_target_": "alrun.features.encoders.Torchvision",
    "name": "resnet18",
    "weights": "DEFAULT",
    "precision": "float32",
    "trained_on": None,
}


def holds_vectors(cfg: DictConfig) -> bool:
    """Whether the data set holds vectors; of a data set of a user's own, only reading it can say."""
    return isinstance(cfg.dataset, DictConfig) and cfg.dataset.get("_target_") in HOLD_VECTORS


def seed_set_of(cfg: DictConfig) -> Any:
    """The settings of the seed set, without the network of its option on a pool of vectors: it reads those.

    Another network, which somebody named, stays: building the seed set refuses it.
    """
    node = cfg.get("seed_set")
    of_option = isinstance(node, DictConfig) and OmegaConf.select(node, "embeddings.encoder") == NETWORK_OF_SEED_SETS
    if not of_option or (cfg.get("encoder") is None and not holds_vectors(cfg)):
        return node
    changed = node.copy()
    with open_dict(changed):
        del changed.embeddings.encoder  # as embeddings=features has none, so that both have one name
    return changed
