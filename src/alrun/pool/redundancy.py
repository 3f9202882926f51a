"""``redundancy=``: part of the pool repeats itself, before anything else is done with it."""

import math
from typing import Annotated, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from alrun.data.augmentation import CropFlip
from alrun.data.dataset import taken
from alrun.settings.checks import check_unique


class Sources(NamedTuple):
    """Where the images of a pool of N examples come from. Every example keeps its label."""

    images: np.ndarray  # (N, C, H, W)
    source: np.ndarray  # (N,) position of the example that each image comes from
    unique: np.ndarray  # (N,) bool: examples that are not repeated; the seed set is chosen among them


@runtime_checkable
class Redundancy(Protocol):
    """Makes the pool from the images of a data set."""

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sources:
        """The pool of ``images`` (N, C, H, W) with ``labels`` (N,), drawn by ``rng``."""
        ...


class NoRedundancy:
    """The pool as it is in the data set."""

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sources:
        """The images (N, C, H, W) themselves."""
        return Sources(images, np.arange(len(labels)), np.ones(len(labels), dtype=bool))


class Duplicate:
    """Some random examples stay unique; of the others, a ``factor``-th part of each class replaces the rest.

    Size and class ratios stay the same. A class with n other examples keeps ceil(n / factor) of them and repeats
    these until there are n again.

    Args:
        factor: How many copies of each such example there are.
        unique: Examples that stay unique; the seed set is among them.

    Source: Section 4.4 of the paper; the numbers of its public notebooks.
    """

    def __init__(self, factor: Annotated[int, Ge(2)], unique: Annotated[int, Ge(2)]) -> None:
        self.factor = factor
        self.unique = unique

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sources:
        """The pool with repetitions.

        Raises:
            UserError: More examples are to stay unique than there are.
        """
        source, unique = self.repeat(labels, rng)
        return Sources(taken(images, source), source, unique)

    def repeat(self, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The example that each becomes a copy of, (N,) int64, and which stay unique, (N,) bool."""
        count = len(labels)
        check_unique(self.unique, count)
        order = rng.permutation(count)
        unique = np.zeros(count, dtype=bool)
        unique[order[: self.unique]] = True
        others, source = order[self.unique :], np.arange(count)
        for label in np.unique(labels[others]):
            members = others[labels[others] == label]
            source[members] = np.resize(members[: math.ceil(len(members) / self.factor)], len(members))
        return source, unique


class AugmentedDuplicate(Duplicate):
    """Like Duplicate, but every repetition is an altered copy: cropped at random, then shifted.

    Args:
        factor: As in Duplicate.
        unique: As in Duplicate.
        padding: Zeros around the image that the crop is taken from, in pixels.
        max_translate: The largest shift, as a share of the image's shorter side. The paper's translations are "slight";
            its notebooks shift by up to half of the image.

    Source: Appendix D of the paper.
    """

    def __init__(
        self,
        factor: Annotated[int, Ge(2)],
        unique: Annotated[int, Ge(2)],
        padding: Annotated[int, Ge(0)] = 5,
        max_translate: Annotated[float, Ge(0), Le(1)] = 0.1,
    ) -> None:
        super().__init__(factor, unique)
        self.padding = padding
        self.max_translate = max_translate

    def apply(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Sources:
        """The pool with altered copies; the copied example stays as it is."""
        source, unique = self.repeat(labels, rng)
        copies = np.flatnonzero(source != np.arange(len(source)))
        draws = torch.Generator().manual_seed(int(rng.integers(2**62)))
        altered = torch.from_numpy(images[source[copies]])
        for shift in (self.padding, round(self.max_translate * min(images.shape[2:]))):
            altered = shift_images(altered, shift, draws)
        made = taken(images, np.arange(len(images)))
        made[copies] = altered.numpy()
        return Sources(made, source, unique)


def shift_images(images: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Each of ``images`` (N, C, H, W) moved by up to ``most`` pixels in each direction; black comes in."""
    crop = CropFlip(most, flip=False)
    parameters = crop.draw(len(images), rng)
    parts = [crop.apply(*part) for part in zip(images.split(1000), parameters.split(1000), strict=True)]
    return torch.cat([images[:0], *parts])
