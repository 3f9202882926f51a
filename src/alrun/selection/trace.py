"""tr(M^-1 F) of Fisher information matrices as candidates are added to M and removed."""

import torch
from torch import Tensor

PENDING = 32  # changes that wait until they enter the matrices together


class Trace:
    """How each of a few candidates, V_i V_i^T, changes tr(M^-1 F), kept up to date as M changes.

    Args:
        inverse: M^-1, (w, w).
        middle: M^-1 F M^-1, (w, w).
        r: Columns of a candidate's V_i.
        vectors: V_i^T of all candidates, (n r, w). None: both matrices are already products with these from both sides.
    """

    def __init__(self, inverse: Tensor, middle: Tensor, r: int, vectors: Tensor | None = None) -> None:
        self.both, self.vectors = torch.stack([inverse, middle]), vectors
        self.pending = inverse.new_zeros(3, len(inverse), PENDING)  # u, c u, z: see ``change``
        self.count = 0
        seen = self.both if vectors is None else vectors @ self.both @ vectors.T
        n = seen.shape[1] // r
        blocks = seen.view(2, n, r, n, r).diagonal(dim1=1, dim2=3)
        self.q, self.g = blocks.permute(0, 3, 1, 2).contiguous()  # V_i^T M^-1 V_i and V_i^T M^-1 F M^-1 V_i, (n, r, r)

    def reduction(self, sign: int) -> Tensor:
        """How far tr(M^-1 F) falls if a candidate is added (``sign`` 1), or rises if it is removed (-1): (n,)."""
        return reduction(self.q, self.g, sign)

    def change(self, position: Tensor, sign: int) -> None:
        """Add a candidate, at ``position`` (1,), to M (``sign`` 1) or remove it (-1), a column of V_i after another.

        By Sherman and Morrison, a column subtracts c u u^T from M^-1, and u z^T + z u^T from M^-1 F M^-1.
        """
        r = self.q.shape[1]
        for column in range(r):
            u, w, q, g = self.products(position * r + column)
            c = sign / (1 + sign * q)
            z = c * w - (c * c * g / 2) * u
            self.keep(torch.stack([u, c * u, z]))
            a, b = self.along(torch.stack([u, z])).view(2, -1, r)
            self.q -= c * a[:, :, None] * a[:, None, :]
            cross = a[:, :, None] * b[:, None, :]
            self.g -= cross + cross.mT

    def products(self, column: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For the column v of all V_i at ``column`` (1,): u = M^-1 v, w = M^-1 F M^-1 v, v^T u and v^T w."""
        u, cu, z = self.pending[:, :, : self.count]
        if self.vectors is None:
            first = self.both.index_select(1, column)[:, 0]
            tu, tcu, tz = self.pending.index_select(1, column)[:, 0, : self.count]
        else:
            v = self.vectors.index_select(0, column)[0]
            first = self.both @ v
            tu, tcu, tz = v @ u, v @ cu, v @ z
        found = torch.stack([first[0] - u @ tcu, first[1] - u @ tz - z @ tu])
        q, g = found.index_select(1, column)[:, 0] if self.vectors is None else found @ self.vectors[column][0]
        return found[0], found[1], q, g

    def along(self, u: Tensor) -> Tensor:
        """V^T u of all candidates, for rows ``u`` (c, w): (c, n r)."""
        return u if self.vectors is None else u @ self.vectors.T

    def keep(self, change: Tensor) -> None:
        """Remember a change (3, w); when there are ``PENDING``, the matrices take them."""
        self.pending[:, :, self.count] = change
        self.count += 1
        if self.count == PENDING:
            u, cu, z = self.pending
            self.both[0] -= u @ cu.T
            cross = u @ z.T
            self.both[1] -= cross + cross.T
            self.count = 0


def reduction(q: Tensor, g: Tensor, sign: int) -> Tensor:
    """The change of tr(M^-1 F), of q = V_i^T M^-1 V_i and g = V_i^T M^-1 F M^-1 V_i, (..., r, r): see ``Trace``."""
    if q.shape[-1] == 1:
        return (g / (1 + sign * q))[..., 0, 0]
    one = torch.eye(q.shape[-1], dtype=q.dtype, device=q.device)
    return torch.linalg.solve(one + sign * q, g).diagonal(dim1=-2, dim2=-1).sum(-1)
