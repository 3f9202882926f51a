"""A run's pool before anything is labeled, and its seed set."""

import logging
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import STRANGER, ImageData, is_mapped
from alrun.data.shards import Shards
from alrun.pool.annotator import Annotator, Asked, Perfect, annotate
from alrun.pool.cost import Cost
from alrun.pool.per_class_cap import Cap
from alrun.pool.pool import Pool
from alrun.pool.redundancy import Redundancy, Sources
from alrun.pool.rows import Rows
from alrun.system import rng
from alrun.system.errors import DataError, SettingError, first_line

log = logging.getLogger(__name__)


class SeedSet(Protocol):
    """Chooses the seed set: see alrun.strategies.seed_set."""

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """Indices (size,) into the pool, taken from ``candidates`` (k,)."""
        ...


def build_pool(
    data: ImageData,
    where: torch.device,
    redundancy: Redundancy,
    chooser: SeedSet,
    cap: Cap,
    annotator: Annotator,
    cost: Cost,
    *,
    seed_size: int,
    seed: int,
    chunk: int,
) -> tuple[Pool, Tensor]:
    """The pool on ``where``, with nothing labeled yet, and the seed set (seed_size,) of indices into it.

    Args:
        data: The data set.
        where: The device of training.
        redundancy: Repeats examples.
        chooser: Chooses the seed set.
        cap: Decides which examples may be queried, by the true classes.
        annotator: Answers for each example which class it belongs to, those of the seed set included.
        cost: Says what an answer costs.
        seed_size: Answers about the seed set, which is chosen by the true classes if by any.
        seed: For the draws of redundancy, seed set and annotator.
        chunk: Images in a forward pass.

    Raises:
        UserError: Fewer examples stay unique than the seed set needs.
    """
    numbers = np.random.default_rng(rng.derive(seed, "redundancy"))
    sources = redundancy.apply(data.train_images, data.train_labels, numbers)
    pool = Pool(
        place_images(sources.images, where),
        torch.from_numpy(data.train_labels).to(where),
        source=torch.from_numpy(sources.source),
        mapped=sources.images if is_mapped(sources.images) else None,
    )
    is_known = data.train_labels != STRANGER  # people start from examples of the classes that they know
    is_candidate = torch.from_numpy(sources.unique & is_known)
    if data.absent is not None:
        is_candidate &= torch.from_numpy(~data.absent)
        is_candidate[data.first :] = False  # what joined later comes into later queries alone
    candidates = is_candidate.nonzero().flatten()
    if len(candidates) < (size := seed_size // annotator.opinions):
        wanted = {"belong to a class": is_known.all(), "stay unique": sources.unique.all()}
        lacking = " and ".join(what for what, all_do in wanted.items() if not all_do) or "are in the pool"
        raise SettingError(
            f"budget.seed_size={seed_size}, but only {len(candidates)} examples {lacking}: lower it"
            f"{'' if sources.unique.all() else ' or raise redundancy.unique'}."
        )
    seed_set = chooser.choose(pool, candidates, size, rng.generator(seed, "seed_set"), chunk)
    pool.queryable = cap.queryable(pool.labels, seed_set)
    if data.absent is not None:
        here = torch.from_numpy(~data.absent)
        pool.queryable = here if pool.queryable is None else pool.queryable & here
    answer(pool, annotator, cost, asked_about(data, sources), seed)
    return pool, seed_set


def asked_about(data: ImageData, sources: Sources) -> Asked:
    """What an annotator is asked about: the examples ``sources`` of a pool that is made of ``data``."""
    is_whole = data.rows is None and np.array_equal(sources.source, np.arange(len(data.train_labels)))
    return Asked(
        truth=data.train_labels.astype(np.int64),
        examples=sources.images,
        classes=data.classes,
        class_names=data.class_names,
        numbers=data.numbers,
        strange=data.strange,
        rows=None if is_whole else data.rows_read[sources.source],
        files=None if data.files is None else [data.files[position] for position in sources.source.tolist()],
    )


def checked_prices(prices: object, count: int) -> np.ndarray:
    """The prices that a cost gives, (count,) float64.

    Raises:
        UserError: They are not one finite number from 0 for each example.
    """
    try:
        found = np.asarray(prices, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"cost: prices are no numbers ({first_line(error)}): give one for each example.") from error
    if found.shape != (count,):
        raise DataError(f"cost: prices has the shape {found.shape}, and must be ({count},): one of each example.")
    if not (np.isfinite(found) & (found >= 0)).all():
        raise DataError("cost: prices holds numbers below 0 or that are not finite: an answer costs 0 or more.")
    return found


def answer(pool: Pool, annotator: Annotator, cost: Cost, asked: Asked, seed: int) -> None:
    """Give ``pool`` the annotator's answers to all of its examples, and their prices; its labels were the truth."""
    pool.opinions = annotator.opinions
    prices = cost.prices(asked)
    pool.prices = None if prices is None else torch.from_numpy(checked_prices(prices, len(asked.truth)))
    if isinstance(annotator, Perfect):
        return
    answers = annotate(annotator, asked, seed)
    known = asked.truth != STRANGER
    if known.any():
        wrong = (answers != asked.truth)[known].mean()
        log.info("the annotator would err on %.1f %% of the examples of the pool that have a class", 100 * wrong)
    pool.labels = torch.from_numpy(answers).to(pool.device)


def place_images(images: np.ndarray | Shards, where: torch.device) -> Tensor:
    """Images (N, C, H, W) or vectors (N, d) on the device; those of a memory map or shards stay where they are."""
    if isinstance(images, Shards):
        return Rows(images)  # type: ignore[return-value]
    tensor = torch.from_numpy(images)
    return tensor if is_mapped(images) else tensor.to(where)
