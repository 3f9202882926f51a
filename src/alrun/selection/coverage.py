"""Covering a pool by balls of one radius."""

import torch
from torch import Tensor

from alrun.selection.points import BLOCK, Dense, nearest_sqdist, sqdist
from alrun.selection.similarity import parts


def ball_cover(points: Dense, covering: Dense, radius: float, size: int, rng: torch.Generator) -> Tensor:
    """Positions (size,): greedily the point whose ball holds most points that no ball holds yet.

    ``covering`` points have balls already. Every point enters the sums twice at the most, once when it counts and once
    when it is covered, so the time is that of two matrices of all distances, in blocks. When all points are
    covered, the rest is drawn uniformly.

    Source: Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022, Algorithm 1.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    open_ = torch.ones(len(points), dtype=torch.bool, device=points.x.device)
    if len(covering):
        open_ = nearest_sqdist(points, covering) >= radius**2
    gain = held(points, points.take(open_.nonzero().flatten()), radius)
    chosen: list[int] = []
    while len(chosen) < size and open_.any():
        position = int(gain.argmax())
        chosen.append(position)
        distance = sqdist(points, points.take(torch.tensor([position], device=open_.device)))[:, 0]
        covered = open_ & (distance < radius**2)
        covered[position] = open_[position]  # in its own ball, however small that is
        if covered.any():
            gain -= held(points, points.take(covered.nonzero().flatten()), radius)
            open_ &= ~covered
        gain[position] = -1  # once only
    free = torch.ones(len(points), dtype=torch.bool)
    free[chosen] = False
    left = free.nonzero().flatten()
    rest = left[torch.randperm(len(left), generator=rng)[: size - len(chosen)]]
    return torch.cat([torch.tensor(chosen, dtype=torch.int64), rest])


def held(points: Dense, others: Dense, radius: float) -> Tensor:
    """How many of ``others`` lie in the ball of every point: (n,)."""
    step = max(1, BLOCK[points.x.device.type] // max(1, len(others)))
    counts = [(sqdist(points.take(part), others) < radius**2).sum(1) for part in parts(len(points), step)]
    return torch.cat(counts)


def pure_radius(points: Dense, labels: Tensor, purity: float) -> float:
    """The largest radius at which the balls of a share ``purity`` of the points hold one label only.

    Infinite where there is one label.
    """
    other = torch.full((len(points),), torch.inf, device=points.x.device)
    for label in labels.unique():
        inside = (labels == label).nonzero().flatten()
        outside = (labels != label).nonzero().flatten()
        if len(outside):
            other[inside] = nearest_sqdist(points.take(inside), points.take(outside))
    rank = round((1 - purity) * (len(other) - 1))
    return float(other.sort().values[rank].sqrt())
