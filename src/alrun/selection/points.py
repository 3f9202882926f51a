"""Sets of points of which an algorithm asks norms and inner products alone."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Points(Protocol):
    """What k-means++ and its relatives need."""

    @property
    def sqnorm(self) -> Tensor:
        """Squared length of every point: (n,)."""
        ...

    def inner(self, row: int) -> Tensor:
        """Inner products of every point with point ``row``: (n,)."""
        ...


@dataclass(frozen=True)
class Dense:
    """The rows of a matrix (n, d)."""

    x: Tensor

    @property
    def sqnorm(self) -> Tensor:
        """Squared length of every row."""
        return self.x.square().sum(1)

    def inner(self, row: int) -> Tensor:
        """One matrix-vector product."""
        return self.x @ self.x[row]


@dataclass(frozen=True)
class Outer:
    """Points a_i ⊗ b_i, never formed: n (C + H) numbers stand for n C H.

    <a_i ⊗ b_i, a_j ⊗ b_j> = <a_i, a_j> <b_i, b_j>.
    """

    a: Tensor  # (n, C)
    b: Tensor  # (n, H)

    @property
    def sqnorm(self) -> Tensor:
        """The product of the factors' squared lengths."""
        return self.a.square().sum(1) * self.b.square().sum(1)

    def inner(self, row: int) -> Tensor:
        """Two matrix-vector products."""
        return (self.a @ self.a[row]) * (self.b @ self.b[row])
