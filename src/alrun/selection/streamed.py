"""Points that memory does not hold together: they are read, or computed again, part by part."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic

import torch
from torch import Tensor

from alrun.selection.points import AnyPoints, Points, hand_on_sqnorm


class Streamed(Generic[AnyPoints]):
    """n points, of which ``rows`` are in memory at a time, as ``Points``.

    Args:
        count: n.
        read: Makes the points at the positions of a slice, or of an index (k,) in any order.
        rows: Points in a part.
    """

    def __init__(self, count: int, read: Callable[[Tensor | slice], AnyPoints], rows: int) -> None:
        self.count = count
        self.read = read
        self.rows = rows

    @cached_property
    def sqnorm(self) -> Tensor:
        """Squared length of every point: (n,), from a pass."""
        return torch.cat([self.read(part).sqnorm for part in self.parts()])

    def parts(self) -> list[slice]:
        """Slices of ``rows`` consecutive points; the last one may be smaller."""
        return [slice(at, min(at + self.rows, self.count)) for at in range(0, max(1, self.count), self.rows)]

    def take(self, index: Tensor | slice) -> AnyPoints:
        """Some of the points, in memory."""
        return hand_on_sqnorm(self.read(index), self, index)

    def shifted(self, other: Points) -> Tensor:
        """As of the points in memory, from a pass: (n, m)."""
        return torch.cat([self.take(part).shifted(other) for part in self.parts()])  # pyright: ignore[reportArgumentType]

    def inner(self, other: Points) -> Tensor:
        """As of the points in memory, from a pass: (n, m)."""
        return torch.cat([self.take(part).inner(other) for part in self.parts()])  # pyright: ignore[reportArgumentType]

    def normalized(self) -> "Streamed[AnyPoints]":
        """The points scaled to length 1 as they are read."""
        return Streamed(self.count, lambda index: self.read(index).normalized(), self.rows)

    def __len__(self) -> int:
        return self.count
