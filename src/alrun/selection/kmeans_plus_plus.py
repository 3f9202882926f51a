"""k-means++ seeding: spread-out points, drawn in proportion to their squared distance from those drawn before."""

import logging

import torch
from torch import Tensor

from alrun.selection.points import Points

log = logging.getLogger(__name__)


def kmeans_plus_plus(points: Points, size: int, rng: torch.Generator) -> Tensor:
    """Positions (size,) of distinct points: the longest one first, then D² sampling.

    Each draw costs one pass over the points. Distances are kept in float64 on the CPU, where the cumulative sum is
    exact enough for any n and equal from run to run, so the draws are the same on every device given equal
    inner products. Once every remaining distance is zero (fewer distinct points than ``size``), the rest is drawn
    uniformly from what is left.

    Source: Arthur and Vassilvitskii 2007, Section 2.2; the deterministic first point as in Ash et al. 2020.
    """
    sqnorm = points.sqnorm.double().cpu()
    if not 0 < size <= len(sqnorm):
        raise ValueError(f"cannot choose {size} of {len(sqnorm)} points")
    # Round-off leaves a duplicate a little above zero. Relative to the lengths that cancelled, that is no distance.
    resolution = sqnorm * 4 * torch.finfo(points.sqnorm.dtype).eps
    chosen = [int(sqnorm.argmax())]
    sqdist = torch.full_like(sqnorm, torch.inf)
    taken = torch.zeros(len(sqnorm), dtype=torch.bool)
    while len(chosen) < size:
        last = chosen[-1]
        taken[last] = True
        to_last = sqnorm + sqnorm[last] - 2 * points.inner(last).double().cpu()
        to_last[to_last <= resolution + resolution[last]] = 0
        torch.minimum(sqdist, to_last, out=sqdist)
        sqdist[taken] = 0
        cumulative = sqdist.cumsum(0)
        total = float(cumulative[-1])
        if total == 0:
            free = (~taken).nonzero().flatten()
            rest = free[torch.randperm(len(free), generator=rng)[: size - len(chosen)]]
            log.info("k-means++: only %d distinct points; %d more drawn uniformly", len(chosen), len(rest))
            return torch.cat([torch.tensor(chosen), rest])
        draw = torch.rand((), generator=rng, dtype=torch.float64) * total
        # right=True: a draw of exactly 0 must not fall on a point of zero distance.
        position = int(torch.searchsorted(cumulative, draw, right=True))
        chosen.append(position)
    return torch.tensor(chosen)
