"""What a network was trained on, as the record of a data set tells it; and where that holds the data themselves."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from alrun.features.encoder import Encoder

# Data sets that are part of what a network was trained on, by words in the names of either. LVD-142M was gathered
# around the training splits of the others (Oquab et al. 2023, Table 15).
IMAGENET = ("imagenet", "imagenette", "imagewoof")
FINE = ("caltech101", "cub", "dtd", "aircraft", "flowers", "food101", "pets", "cars", "sun397", "voc")
PARTS = {"imagenet": IMAGENET, "lvd": (*IMAGENET, *FINE), "cifar": ("cifar",), "mnist": ("mnist",)}
# Images from all over the web may hold any published data set.
WEB = ("LAION", "WIT", "DataComp", "WebLI", "MetaCLIP")


def record(encoder: Encoder, manifest: dict[str, Any], dataset: DictConfig) -> dict[str, Any]:
    """What run.json tells of the features of a data set."""
    stated = {key: value for key, value in manifest["identity"].items() if key not in ("format", "examples")}
    return {
        **stated,
        "dimension": manifest["dimension"],
        "trained_on": encoder.trained_on,
        "overlap": overlap(encoder.trained_on, names_of(dataset)),
    }


def names_of(dataset: DictConfig) -> str:
    """All that names a data set in its settings, in lower case."""
    path = Path(str(dataset.get("path") or "")).stem
    return " ".join((str(dataset._target_), str(dataset.get("name") or ""), path)).casefold().replace("_", "")


def overlap(trained_on: str | None, names: str) -> str | None:
    """What to say of a network that may have seen the data set called ``names``; None where nothing is known."""
    if trained_on is None:
        return None
    seen = trained_on.casefold().replace("_", "")
    for data, parts in PARTS.items():
        if data in seen and any(part in names for part in parts):
            return (
                f"the encoder was trained on {trained_on}, of which this data set is a part: it has seen these images, "
                "so accuracy and strategies look better here than on new data; report no finding from them"
            )
    if any(data.casefold() in seen for data in WEB):
        return f"the encoder was trained on {trained_on}, images of the web, which may hold those of this data set"
    return None
