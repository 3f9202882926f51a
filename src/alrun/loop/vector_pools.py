"""What a run on vectors needs in addition: the encoder that makes them, and checks that nothing needs pixels."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from alrun.data.dataset import Chosen, ImageData, kind_of, taken
from alrun.features.embed import embedded, store_of, vectors_of
from alrun.features.encoder import Encoder
from alrun.features.provenance import record
from alrun.pool.redundancy import AugmentedDuplicate, Redundancy, Sources
from alrun.settings import factory
from alrun.settings.option_names import named
from alrun.strategies.base import Strategy
from alrun.strategies.embeddings import Embed, FromClassifier, FromFeatures
from alrun.system import rng
from alrun.system.errors import SettingError


def encoded(
    cfg: DictConfig, data: ImageData, where: torch.device, trial: list[int]
) -> tuple[ImageData, dict[str, Any]]:
    """The data with the vectors that the encoder of the settings makes of them, if there is one; and its data card.

    ``trial`` examples of each split are enough for a trial: see ``to_encode``.

    Raises:
        UserError: It does not take these data, or texts have none.
    """
    if cfg.encoder is None:
        if kind_of(data.train_images) == "texts":
            raise SettingError("dataset holds texts: name a network that reads them, by encoder=sentence_transformers.")
        return data, {}
    encoder = build_encoder(cfg)
    data = to_encode(cfg, data, encoder, trial)
    vectors, manifest = embedded(data, encoder, cfg.paths.features, where, cfg.runtime.chunk, cfg.runtime.progress)
    return vectors, {"encoder": record(encoder, manifest, cfg.dataset)}


def build_encoder(cfg: DictConfig) -> Encoder:
    """The encoder of the settings. A network that draws its weights draws the same in every process."""
    with rng.same("encoder"):
        return factory.build(cfg.encoder, "encoder")


def to_encode(cfg: DictConfig, data: ImageData, encoder: Encoder, trial: list[int]) -> ImageData:
    """``data``, or with ``limit`` the ``trial`` examples of each split that are enough, unless all have vectors.

    What began with the vectors of a trial goes on with these when all have theirs: the last bits may differ.
    """
    if cfg.limit is None:
        return data
    some = data.thinned(*trial)
    of_some, of_all = (store_of(each, encoder, cfg.paths.features).read() for each in (some, data))
    return data if of_some is None and of_all is not None else some


def prepare(
    part: Any, setting: str, cfg: DictConfig, data: ImageData, where: torch.device, untrained: Embed | None = None
) -> None:
    """Check that ``part``, a strategy or a seed set, and those that it wraps work on ``data``; give them embeddings.

    ``setting`` is where the part is given. ``untrained`` makes embeddings of the model before any training, which a
    seed set may read.

    Raises:
        UserError: One works on images alone, and the pool holds vectors; or embeddings do not fit.
    """
    if isinstance(part, Strategy) and part.on_vectors is not None and data.is_vectors:
        raise SettingError(
            f"{named(part, 'strategy')} works on images alone, and the pool holds vectors: "
            f"use strategy={part.on_vectors}."
        )
    for place, inner in inside(part, setting):
        if isinstance(inner, FromFeatures):
            if inner.encoder is not None:
                inner.encoder.setting = f"{place}.encoder"
            inner.prepare(data, lambda encoder: vectors_of_pool(cfg, encoder, data, where))
        elif isinstance(inner, FromClassifier) and untrained is not None:
            inner.prepare(untrained)
        elif isinstance(inner, Strategy):
            prepare(inner, place, cfg, data, where)


def vectors_of_pool(cfg: DictConfig, encoder: Encoder, data: ImageData, where: torch.device) -> np.ndarray:
    """The vectors (N, d) of the training examples of ``data``, from the store of the data set that they are a part of.

    Repeats draw other parts, each of which would need a pass. A pool with examples from elsewhere has its own store.
    """
    whole = data.whole
    if whole is None or whole.rows_read.min() < 0:
        whole = data
    stored, _ = embedded(whole, encoder, cfg.paths.features, where, cfg.runtime.chunk, cfg.runtime.progress)
    if whole is data:
        return stored.train_images
    order = np.argsort(whole.rows_read)
    return stored.train_images[order[np.searchsorted(whole.rows_read, data.rows_read, sorter=order)]]


def inside(part: Any, setting: str) -> Iterator[tuple[str, Any]]:
    """What a part holds, also one level down in dicts, and the settings where that is given."""
    for name, value in getattr(part, "__dict__", {}).items():
        if isinstance(value, dict):
            yield from ((f"{setting}.{name}.{key}", each) for key, each in value.items())
        else:
            yield f"{setting}.{name}", value


def on_vectors(cfg: DictConfig, data: ImageData, redundancy: Redundancy, where: torch.device) -> Redundancy:
    """``redundancy``, or one whose altered copies of images go through the encoder.

    Raises:
        UserError: Vectors cannot be altered, since there are no images that they were made from.
    """
    if not (data.is_vectors and isinstance(redundancy, AugmentedDuplicate)):
        return redundancy
    if data.originals is None:
        raise SettingError("redundancy=augment alters images, and the pool holds vectors: use redundancy=duplicate.")
    encoder = build_encoder(cfg)
    originals = data.originals[np.arange(len(data.originals))] if isinstance(data.originals, Chosen) else data.originals
    return Encoded(redundancy, originals, lambda images: vectors_of(images, encoder, where, cfg.runtime.chunk))


class Encoded:
    """A redundancy of images on the vectors that were made of them: altered copies are encoded again.

    Args:
        redundancy: Alters images.
        originals: Those of the pool (N, C, H, W).
        encode: Makes vectors (k, d) of images (k, C, H, W).
    """

    def __init__(
        self, redundancy: Redundancy, originals: np.ndarray, encode: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.redundancy = redundancy
        self.originals = originals
        self.encode = encode

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sources:
        """The pool of vectors ``images`` (N, d) with labels (N,)."""
        altered = self.redundancy.apply(self.originals, labels, rng)
        copies = np.flatnonzero(altered.source != np.arange(len(labels)))
        vectors = taken(images, np.arange(len(images)))
        vectors[copies] = self.encode(altered.images[copies])
        return Sources(vectors, altered.source, altered.unique)
