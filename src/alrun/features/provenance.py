"""What a network was trained on, as the record of a data set tells it; and where that holds the data themselves."""

import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from alrun.features.encoder import Encoder

# Data sets that are part of what a network was trained on, by words in the names of either. LVD-142M was gathered
# around the training splits of the others (Oquab et al. 2023, Table 15).
IMAGENET = ("imagenet", "imagenette", "imagewoof")
FINE = ("caltech101", "cub", "dtd", "aircraft", "flowers", "food101", "pets", "cars", "sun397", "voc")
PARTS = {"imagenet": IMAGENET, "lvd": (*IMAGENET, *FINE)}
# Images from all over the web may hold any published data set.
WEB = ("LAION", "WIT", "DataComp", "WebLI", "MetaCLIP", "Instagram")
SWAG = ("regnet_y_128gf", "vit_h_14")  # torchvision's networks whose DEFAULT weights were first trained on Instagram
# What tags in timm's names say of the training data; the first that is in a tag counts.
TAGS = {
    "lvd142m": "LVD-142M (ImageNet-22k among its sources)",
    "lvd1689m": "LVD-1689M",
    "laion": "LAION",
    "openai": "OpenAI's WIT",
    "dfn": "DataComp",
    "datacomp": "DataComp",
    "webli": "WebLI",
    "metaclip": "MetaCLIP",
    "in22k": "ImageNet-22k",
    "in21k": "ImageNet-22k",
    "in12k": "ImageNet-22k",
    "in1k": "ImageNet-1k",
    "inat": "iNaturalist",
}


def record(encoder: Encoder, manifest: dict[str, Any], dataset: DictConfig) -> dict[str, Any]:
    """What run.json tells of the features of a data set."""
    stated = {key: value for key, value in manifest["identity"].items() if key not in ("format", "examples")}
    return {
        **stated,
        "dimension": manifest["dimension"],
        "trained_on": encoder.trained_on,
        "overlap": overlap(encoder.trained_on, names_of(dataset)),
    }


def names_of(dataset: DictConfig) -> set[str]:
    """All that names a data set in its settings, as ``plain`` has it."""
    path = Path(str(dataset.get("path") or "")).stem
    return {plain(name) for name in (*str(dataset._target_).split("."), str(dataset.get("name") or ""), path)}


def plain(name: str) -> str:
    """A name by its letters and digits alone, in lower case: CIFAR-10 and cifar10 are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def overlap(trained_on: str | None, names: set[str]) -> str | None:
    """What to say of a network that may have seen the data set called ``names``; None where nothing is known."""
    if trained_on is None:
        return None
    if holds(trained_on, names):
        return (
            f"the encoder was trained on {trained_on}, which holds this data set: it has seen these examples, so "
            "accuracy and strategies look better here than on new data; report no finding from them"
        )
    if any(data.casefold() in trained_on.casefold() for data in WEB):
        return f"the encoder was trained on {trained_on}, images of the web, which may hold those of this data set"
    return None


def holds(trained_on: str, names: set[str]) -> bool:
    """Whether one of the data sets listed in ``trained_on`` is, or is known to have as a part, the one of ``names``."""
    listed = {plain(each) for each in re.split(r"[,;+()]| and ", trained_on)} - {""}
    parts = [part for data, known in PARTS.items() if data in plain(trained_on) for part in known]
    return bool(listed & names) or any(part in name for part in parts for name in names)


def of_tag(name: str) -> str | None:
    """The data that a tag of timm names, several joined; None where it names none, or there is no tag."""
    tag = name.partition(".")[2]
    return ", ".join(dict.fromkeys(data for word, data in TAGS.items() if word in tag)) or None


def of_torchvision(name: str) -> str:
    """The data that torchvision's DEFAULT weights of a network were trained on."""
    return "Instagram, ImageNet-1k" if name in SWAG else "ImageNet-1k"
