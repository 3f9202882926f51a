"""One pass of a pretrained network over a data set, into the store; and the pool of vectors that comes of it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from alrun.data.dataset import ImageData, kind_of
from alrun.features.encoder import Encoder
from alrun.features.parts import Part, join, missing
from alrun.features.store import Known, Store, splits
from alrun.system import device
from alrun.system.errors import UserError, writing
from alrun.system.lock import Lock

log = logging.getLogger(__name__)

LINE_EVERY = 60.0  # seconds between lines of progress in a log, which has no bar
Passes = Callable[[Sequence[slice]], Iterator[np.ndarray]]  # from batches to their vectors, in order


def embedded(
    data: ImageData, encoder: Encoder, root: str, where: torch.device, chunk: int | None = None, progress: bool = True
) -> tuple[ImageData, dict[str, Any]]:
    """``data`` with vectors instead of its images or texts, from the store under ``root``, and the store's manifest.

    What is not there yet is computed, by one process while others wait.

    Raises:
        UserError: The encoder does not take these examples, or the store cannot be used.
    """
    store = store_of(data, encoder, root)
    if store.read() is None:
        fill(store, data, encoder, where, chunk, progress=progress)
    manifest = store.read()
    assert manifest is not None
    train, test = store.open()
    originals = data.train_images if kind_of(data.train_images) == "images" else None
    vectors = replace(data, train_images=train, test_images=test, mean=None, std=None, originals=originals)
    vectors.classes = data.classes
    vectors.content = "-".join(manifest["sha256"][split] for split in ("train", "test"))
    return vectors, manifest


def store_of(data: ImageData, encoder: Encoder, root: str) -> Store:
    """The store of ``data`` and ``encoder``; the network is loaded where it was not before.

    Raises:
        UserError: The encoder does not take these examples.
    """
    check_takes(data, encoder)
    known = Known(root, encoder.key())
    stated = known.read()
    if stated is None:
        stated = encoder.stated()
        with writing():
            known.write(stated)
    return Store.of(root, data, stated)


def check_takes(data: ImageData, encoder: Encoder) -> None:
    """Refuse images for an encoder of texts and the like, and name what fits."""
    kind = kind_of(data.train_images)
    if kind == "vectors":
        raise UserError(f"{encoder.setting}: the data set holds vectors already: leave {encoder.setting}=... out.")
    if kind != encoder.takes:
        fits = "encoder=sentence_transformers" if kind == "texts" else "encoder=torchvision or encoder=timm"
        raise UserError(
            f"{encoder.setting}: {encoder.name} takes {encoder.takes}, and the data set holds {kind}: use {fits}."
        )


def fill(
    store: Store,
    data: ImageData,
    encoder: Encoder,
    where: torch.device,
    chunk: int | None = None,
    number: int = 1,
    of: int = 1,
    progress: bool = True,
    elsewhere: Passes | None = None,
) -> None:
    """Compute the ``number``-th of ``of`` parts, as far as it is not there, and join all when none is missing.

    ``elsewhere`` makes the vectors of batches in other processes; None: this one does.

    Raises:
        UserError: The encoder fails, or the folder cannot be written to.
    """
    part = Part(store, number, of)
    with writing(store.folder):
        store.folder.mkdir(parents=True, exist_ok=True)
        with Lock(store.folder / f"{number}-of-{of}.lock"):
            if store.read() is None and not part.is_done:
                compute(part, data, encoder, where, chunk or encoder.batch[where.type], progress, elsewhere)
        with Lock(store.folder / "join.lock"):
            if store.read() is None and not missing(store, of):
                join(store, of, {"trained_on": encoder.trained_on})
                log.info("features are in %s", store.folder)


def compute(
    part: Part,
    data: ImageData,
    encoder: Encoder,
    where: torch.device,
    chunk: int,
    progress: bool = True,
    elsewhere: Passes | None = None,
) -> None:
    """Compute the rows of ``part`` that are not there, and tell how fast."""
    left, started = part.left(chunk), perf_counter()
    count = sum(batch.stop - batch.start for batch in left)
    unit = "image" if encoder.takes == "images" else "text"
    log.info("%s makes features of %d %ss on %s, once", encoder.name, count, unit, where)
    bar = tqdm(
        total=part.stop - part.start,
        initial=part.stop - part.start - count,
        desc="embedding",
        unit=f" {unit}s",
        leave=False,
        disable=None if progress else True,
    )
    with bar, all_threads(where):
        rows = elsewhere(left) if elsewhere else passed(data, encoder, where, left)
        part.write(shown(rows, bar, count), {"device": device.describe(where)})
    seconds = perf_counter() - started
    if count:
        log.info("%d %ss in %.1f s: %.0f a second", count, unit, seconds, count / seconds)


def shown(blocks: Iterator[np.ndarray], bar: tqdm, count: int) -> Iterator[np.ndarray]:
    """The blocks of ``count`` rows, while ``bar`` advances by those that are written; without a bar the log does."""
    done, started = 0, perf_counter()
    said = started
    for block in blocks:
        yield block
        done += len(block)
        bar.update(len(block))
        if bar.disable and (now := perf_counter()) - said >= LINE_EVERY:
            said, speed = now, done / (now - started)
            log.info("%d of %d done, %.0f a second, %.0f min left", done, count, speed, (count - done) / speed / 60)


def passed(data: ImageData, encoder: Encoder, where: torch.device, batches: Sequence[slice]) -> Iterator[np.ndarray]:
    """Vectors of each batch, in order; a GPU computes one while the one before is brought to the CPU."""
    train, test = splits(data)
    waiting: tuple[slice, torch.Tensor] | None = None
    for batch in [*batches, None]:
        made = None
        if batch is not None:
            inside = batch.start < len(train)
            examples = train[batch] if inside else test[batch.start - len(train) : batch.stop - len(train)]
            made = batch, encoder.encode(examples, where)
        if waiting is not None:
            yield checked(*waiting, encoder)
        waiting = made


def checked(batch: slice, vectors: torch.Tensor, encoder: Encoder) -> np.ndarray:
    """The vectors of a batch on the CPU, in the precision in which they are stored.

    Raises:
        UserError: There is not one for each example, or one is not finite.
    """
    count = batch.stop - batch.start
    if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1] or vectors.is_complex():
        kind = "complex " if vectors.is_complex() else ""
        raise UserError(
            f"{encoder.setting}: {encoder.name} gives {kind}{tuple(vectors.shape)} for "
            f"{count} examples; it must give a vector of real numbers for each, (examples, any)."
        )
    rows = vectors.float().cpu().numpy()
    if not np.isfinite(rows).all():
        raise UserError(f"{encoder.setting}: {encoder.name} gives numbers that are not finite: look at its weights.")
    if encoder.precision == "float16":
        with np.errstate(over="ignore"):
            rows = rows.astype(np.float16)
        if not np.isfinite(rows).all():
            raise UserError(f"{encoder.setting}.precision=float16 cannot hold numbers above 65504: use float32.")
    return rows


def vectors_of(images: np.ndarray, encoder: Encoder, where: torch.device, chunk: int | None = None) -> np.ndarray:
    """Vectors of images (n, C, H, W) that are in no store, as those of a store."""
    size = chunk or encoder.batch[where.type]
    batches = [slice(start, min(start + size, len(images))) for start in range(0, len(images), size)]
    with all_threads(where):
        return np.concatenate([checked(batch, encoder.encode(images[batch], where), encoder) for batch in batches])


@contextmanager
def all_threads(where: torch.device) -> Iterator[None]:
    """As many CPU threads as the environment grants, for a pass on the CPU; afterwards as many as before."""
    before = torch.get_num_threads()
    if where.type == "cpu":
        torch.set_num_threads(min(device.granted_threads(), device.usable_processors()))
    try:
        yield
    finally:
        torch.set_num_threads(before)
