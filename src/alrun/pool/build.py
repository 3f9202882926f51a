"""A run's pool before anything is labeled, and its seed set."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from alrun.data.dataset import ImageData, is_mapped
from alrun.pool.per_class_cap import Cap
from alrun.pool.pool import Pool
from alrun.pool.redundancy import Redundancy
from alrun.system import rng
from alrun.system.errors import SettingError


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
        cap: Decides which examples may be queried.
        seed_size: Examples in the seed set.
        seed: For the draws of redundancy and seed set.
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
    )
    is_candidate = torch.from_numpy(sources.unique.copy())
    if data.absent is not None:
        is_candidate &= torch.from_numpy(~data.absent)
        is_candidate[data.first :] = False  # what joined later comes into later queries alone
    candidates = is_candidate.nonzero().flatten()
    if len(candidates) < seed_size:
        raise SettingError(
            f"budget.seed_size={seed_size}, but only {len(candidates)} examples stay unique: lower it or "
            "raise redundancy.unique."
        )
    seed_set = chooser.choose(pool, candidates, seed_size, rng.generator(seed, "seed_set"), chunk)
    pool.queryable = cap.queryable(pool.labels, seed_set)
    if data.absent is not None:
        here = torch.from_numpy(~data.absent)
        pool.queryable = here if pool.queryable is None else pool.queryable & here
    return pool, seed_set


def place_images(images: np.ndarray, where: torch.device) -> Tensor:
    """Images (N, C, H, W) or vectors (N, d) on the device; those of a memory map stay where they are."""
    tensor = torch.from_numpy(images)
    return tensor if is_mapped(images) else tensor.to(where)
