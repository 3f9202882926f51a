"""Orthogonal matching pursuit: select few weighted points whose sum is close to a target."""

from typing import Generic

import torch
from torch import Tensor

from alrun.selection.linear import projections, weighted_sum
from alrun.selection.points import AnyPoints, Outer
from alrun.system.errors import StrategyError


def matching_pursuit(
    points: AnyPoints,
    target: Tensor,
    size: int,
    lam: float = 0.5,
    tolerance: float = 1e-4,
    nonnegative: bool = True,
) -> tuple[Tensor, Tensor]:
    """At most ``size`` distinct points, and weights w for them, that make |target - Σ w p|² + ``lam`` |w|² small.

    In each step the point with the largest inner product with the residual joins, and the weights are solved for. If a
    solution has negative weights, the weights move toward it until the first of them is zero, and that point leaves:
    the objective falls with every point, so no support repeats. The pursuit ends early if the residual is at most
    ``tolerance`` |target| long, or if no point would lower the objective. Without ``nonnegative``
    the largest absolute inner product counts, and no point leaves. Ties go to the lower position.

    A point that joins costs one pass over the points and O(size²) for the weights, which are solved for in float64.

    Source: Killamsetty et al., GRAD-MATCH, ICML 2021 (orthogonal matching pursuit with a ridge); the non-negative
    weights as in Lawson and Hanson 1974, Chapter 23, where the public code drops the most negative one.

    Args:
        points: Rows (n, d), or factors (n, C) and (n, H).
        target: (d,), or (C, H) if the points are factors.
        size: At least 1, at most n.
        lam: Ridge, in units of squared lengths of points.
        tolerance: Share of the target's length.
        nonnegative: Whether weights may not be negative.

    Returns:
        Positions (k,), in the order in which they joined unless some left, and weights (k,), float64; on the CPU.

    Raises:
        StrategyError: The points' inner products overflow.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    if lam < 0 or tolerance < 0:
        raise ValueError(f"lam={lam} and tolerance={tolerance} must not be negative")
    wanted, length = projections(points, target), target.norm()
    noise = 8 * torch.finfo(target.dtype).eps * length * points.sqnorm.sqrt()  # of inner products with the residual
    if not (wanted.isfinite().all() and noise.isfinite().all()):
        raise StrategyError("inner products of gradients overflow, the model's training diverged: lower optimizer.lr.")
    support = Support(points, size, lam)
    shut = torch.zeros(len(points), dtype=torch.bool, device=target.device)  # chosen, or useless beside the chosen
    for _ in range(3 * len(points)):  # a bound for bad luck with rounding, as in other solvers
        residual = target - support.sum()
        if support.count == size or residual.norm() <= tolerance * length:
            break
        gains = projections(points, residual)
        gains = (gains if nonnegative else gains.abs()).masked_fill_(shut, -torch.inf)
        best = gains.argmax()
        if gains[best] <= noise[best]:
            break
        shut[best] = True
        if support.join(best, wanted[best]) and support.settle(nonnegative):
            shut.zero_()  # points that were useless beside the one that left may help now
            shut[support.index[: support.count]] = True
            shut[best] = True
    return support.index[: support.count].cpu(), support.weight[: support.count].cpu()


class Support(Generic[AnyPoints]):
    """The points chosen, and the weights that solve (G + lam I) w = c; G: their inner products, c: with the target.

    K, row by row, makes the points orthonormal: K (G + lam I) Kᵀ = I, so (G + lam I)⁻¹ = Kᵀ K. A point joins by a new
    row, and leaves by a reflection of the rows after which one row alone has a part in it: O(count²) either way.
    """

    def __init__(self, points: AnyPoints, size: int, lam: float) -> None:
        device = points.sqnorm.device
        self.points, self.lam, self.count = points, lam, 0
        self.index = torch.zeros(size, dtype=torch.int64, device=device)
        self.chosen = points.take(self.index)  # a buffer: slots are filled as points join
        self.k = torch.zeros(size, size, dtype=torch.float64, device=device)
        self.z = torch.zeros(size, dtype=torch.float64, device=device)  # K c
        self.solution = torch.zeros(size, dtype=torch.float64, device=device)  # Kᵀ z
        self.weight = torch.zeros(size, dtype=torch.float64, device=device)  # the same, once settled

    def sum(self) -> Tensor:
        """Σ w p over the support: (d,), or (C, H) if the points are factors."""
        weight = self.weight[: self.count]
        return weighted_sum(self.chosen.take(slice(self.count)), weight.to(self.points.sqnorm.dtype))

    def join(self, position: Tensor, wanted: Tensor) -> bool:
        """Add a point whose inner product with the target is ``wanted``; False if it depends linearly on the chosen."""
        n = self.count
        new = self.points.take(position[None])
        row, z = self.k[n, : n + 1], self.z[:n]
        along = self.k[:n, :n] @ self.chosen.take(slice(n)).inner(new)[:, 0].double()
        own = new.sqnorm[0].double() + self.lam
        rest = own - along.square().sum()
        if rest <= 8 * torch.finfo(new.sqnorm.dtype).eps * own:
            return False
        row[:n] = along @ self.k[:n, :n]
        row[:n].neg_()
        row[n] = 1
        row /= rest.sqrt()
        self.z[n] = (wanted.double() - along @ z) / rest.sqrt()
        self.solution[: n + 1].add_(row * self.z[n])
        self.index[n] = position
        self.place(n, new)
        self.count += 1
        return True

    def settle(self, nonnegative: bool) -> bool:
        """Make the solution the weights, without the points that it makes negative; True if any of them left."""
        before = self.count
        while nonnegative and (self.solution[: self.count] <= 0).any():
            now, then = self.weight[: self.count], self.solution[: self.count]
            way = torch.where(then <= 0, (now / (now - then)).nan_to_num(0.0), torch.inf)  # 0 / 0: useless
            slot = way.argmin()
            now += way[slot] * (then - now)
            self.leave(int(slot))
        self.weight[: self.count] = self.solution[: self.count]
        return self.count < before

    def leave(self, slot: int) -> None:
        """Remove a point; the last one takes its slot."""
        n, last = self.count, self.count - 1
        k, z = self.k[:n, :n], self.z[:n]
        # The reflection I - 2 p pᵀ that turns the point's column of K into a multiple of the last unit vector.
        p = k[:, slot].clone()
        p[last] += torch.copysign(p.norm(), p[last])
        p /= p.norm()
        k.addr_(p, p @ k, alpha=-2)
        z.sub_(p, alpha=2 * float(p @ z))
        k[:, slot] = k[:, last]
        k[:, last] = 0
        k[last] = 0
        self.index[slot], self.weight[slot] = self.index[last].clone(), self.weight[last].clone()
        self.place(slot, self.chosen.take(slice(last, n)))
        self.weight[last] = self.solution[last] = 0
        self.count = last
        self.solution[:last] = z[:last] @ k[:last, :last]

    def place(self, slot: int, point: AnyPoints) -> None:
        """Write ``point`` into the buffer at ``slot``."""
        if isinstance(point, Outer):
            self.chosen.a[slot], self.chosen.b[slot] = point.a[0], point.b[0]
        else:
            self.chosen.x[slot] = point.x[0]
