"""Sets of points, for algorithms that need only distances and inner products."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.selection.products import products
from alrun.system.errors import StrategyError

# Floats in a block of distances: they fit a CPU's caches, and keep a GPU busy.
BLOCK = {"cpu": 2**20, "cuda": 2**25}
# Points on each side of a block of distances: large enough for a fast matrix product, small enough for the caches.
TILE = 1024

ROUND_OFF = 32  # units in the last place; 8 would suffice for MKL, not for oneDNN


class Points(Protocol):
    """A set of n points, as k-means++ and the other algorithms use it."""

    @cached_property
    def sqnorm(self) -> Tensor:
        """Squared length of every point: (n,)."""
        ...

    def take(self, index: Tensor | slice) -> "Points":
        """Some of the points, in the order of ``index``."""
        ...

    def parts(self) -> list[slice]:
        """Consecutive slices of the points that memory holds together: one slice of all, unless they are streamed."""
        ...

    def shifted(self, other: Any) -> Tensor:
        """Squared distances to the points of ``other`` minus the own squared lengths, |y|² - 2<x, y>: (n, m)."""
        ...

    def inner(self, other: Any) -> Tensor:
        """Inner products with the points of ``other``: (n, m)."""
        ...

    def normalized(self) -> "Points":
        """The points scaled to length 1; those of length 0 stay."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Dense:
    """The rows of a matrix (n, d)."""

    x: Tensor

    @cached_property
    def sqnorm(self) -> Tensor:
        """Squared length of every row: (n,)."""
        return square_lengths(self.x)

    def take(self, index: Tensor | slice) -> "Dense":
        """The rows at ``index``, with their squared lengths if those are known."""
        return hand_on_sqnorm(Dense(take_rows(self.x, index)), self, index)

    def parts(self) -> list[slice]:
        """All points."""
        return [slice(0, len(self))]

    def shifted(self, other: "Dense") -> Tensor:
        """One matrix product."""
        return products(self.x, -2 * other.x, other.sqnorm)

    def inner(self, other: "Dense") -> Tensor:
        """One matrix product."""
        return products(self.x, other.x)

    def normalized(self) -> "Dense":
        """The rows divided by their lengths."""
        return Dense(F.normalize(self.x, dim=1))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Outer:
    """Points a_i ⊗ b_i, never formed: n (C + H) numbers stand for n C H.

    <a_i ⊗ b_i, a_j ⊗ b_j> = <a_i, a_j> <b_i, b_j>.
    """

    a: Tensor  # (n, C)
    b: Tensor  # (n, H)

    @cached_property
    def sqnorm(self) -> Tensor:
        """The product of the factors' squared lengths: (n,)."""
        return square_lengths(self.a) * square_lengths(self.b)

    def take(self, index: Tensor | slice) -> "Outer":
        """The points at ``index``, with their squared lengths if those are known."""
        return hand_on_sqnorm(Outer(take_rows(self.a, index), take_rows(self.b, index)), self, index)

    def parts(self) -> list[slice]:
        """All points."""
        return [slice(0, len(self))]

    def shifted(self, other: "Outer") -> Tensor:
        """Two matrix products."""
        return torch.addcmul(other.sqnorm, products(self.a, -2 * other.a), products(self.b, other.b))

    def inner(self, other: "Outer") -> Tensor:
        """Two matrix products."""
        return products(self.a, other.a).mul_(products(self.b, other.b))

    def normalized(self) -> "Outer":
        """Both factors divided by their lengths."""
        return Outer(F.normalize(self.a, dim=1), F.normalize(self.b, dim=1))

    def __len__(self) -> int:
        return len(self.a)


def square_lengths(x: Tensor) -> Tensor:
    """Squared length of every row: (n,), without a squared copy of the whole matrix."""
    lengths, step = x.new_empty(len(x)), max(1, BLOCK[x.device.type] // max(1, x.shape[1]))
    for some in (slice(start, start + step) for start in range(0, len(x), step)):
        torch.sum(x[some].square(), 1, out=lengths[some])
    return lengths


AnyPoints = TypeVar("AnyPoints", Dense, Outer)


def take_rows(x: Tensor, index: Tensor | slice) -> Tensor:
    """The rows of ``x`` at ``index``; several times as fast as ``x[index]`` if index is a tensor."""
    return x[index] if isinstance(index, slice) else x.index_select(0, index.to(x.device))


def hand_on_sqnorm(taken: AnyPoints, points: Points, index: Tensor | slice) -> AnyPoints:
    """Give ``taken``, the part of ``points`` at ``index``, its squared lengths if those of ``points`` are known."""
    if "sqnorm" in vars(points):
        vars(taken)["sqnorm"] = take_rows(points.sqnorm, index)  # where cached_property looks for it
    return taken


def sqdist(points: Points, other: Points) -> Tensor:
    """Squared distances of all pairs: (n, m)."""
    return zero_round_off(points.shifted(other).add_(points.sqnorm[:, None]), points.sqnorm[:, None])


def nearest_sqdist(points: Points, centers: Points) -> Tensor:
    """Squared distance of every point to the nearest of ``centers``: (n,), in blocks of bounded memory.

    All blocks write into one result. Small results kept between large blocks would fragment the heap, which on a CPU
    then grows with their number.

    Raises:
        StrategyError: A distance is not finite.
    """
    step = max(1, BLOCK[points.sqnorm.device.type] // len(centers))
    nearest = torch.empty_like(points.sqnorm)
    for part in points.parts():
        block, found = points.take(part), nearest[part]
        for some in (slice(start, start + step) for start in range(0, len(block), step)):
            torch.amin(block.take(some).shifted(centers), 1, out=found[some])
    nearest.add_(points.sqnorm)
    if not nearest.isfinite().all():  # check first: an infinite length would turn every distance into round-off
        raise StrategyError(
            "distances between the model's outputs overflow: its training diverged (lower optimizer.lr), or vectors of "
            "the pool hold huge numbers (scale or remove them)."
        )
    return zero_round_off(nearest, points.sqnorm)


def zero_round_off(distance: Tensor, sqnorm: Tensor) -> Tensor:
    """``distance`` in place, with values that are only round-off set to zero.

    Round-off leaves equal points a little apart, or at a negative distance. A value of up to ``ROUND_OFF`` units in the
    last place of the squared lengths, two of which canceled, counts as zero.
    """
    return distance.masked_fill_(distance <= ROUND_OFF * torch.finfo(distance.dtype).eps * sqnorm, 0)
