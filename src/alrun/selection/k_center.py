"""Greedy k-center: select the point that is farthest from all chosen ones, again and again."""

import logging

import numpy as np
import torch
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.fill import fill_uniformly
from alrun.selection.points import Dense, Points, nearest_sqdist, sqdist
from alrun.selection.similarity import split_range

log = logging.getLogger(__name__)

CANDIDATES = 512  # their mutual distances take 1 MB, which fits the cache
MANY = 2**33  # distances from points to centers, beyond which cells give the first bounds
CENTERS = 2048  # that are compared with points at a time, which keeps products fast
UNSEEN = -1  # a bound that does not account for all centers
FRONT = 8192  # points whose distances are updated together


def k_center(points: Points, centers: Points, size: int, rng: torch.Generator | None = None) -> Tensor:
    """Positions (size,) int64 of distinct points, each the farthest from ``centers`` and from those before it.

    Exact, without a pass over all points for each pick. Distances only shrink as points are chosen, so earlier
    distances are upper bounds: the farthest few thousand by that bound are updated, and as long as the farthest of
    these is beyond the bound of all others, it is the farthest of all. Points near a center are not looked at again.
    With very many centers the first bounds are distances to some near center, not the nearest.
    Among equally far points any may come first. Without ``centers`` the longest point is chosen first. Once all
    remaining points equal a center or a chosen point, the rest is drawn uniformly by ``rng`` (on the CPU), or taken in
    order without ``rng``.

    Source: Sener and Savarese 2018, Algorithm 1 (Gonzalez 1985); lazy evaluation as in Minoux 1978.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    device = points.sqnorm.device
    chosen = torch.empty(0, dtype=torch.int64, device=device)
    if not len(centers):
        chosen = points.sqnorm.argmax()[None]
        centers = points.take(chosen)
    if isinstance(points, Dense) and isinstance(centers, Dense) and len(points) * len(centers) > MANY:
        bound, first = Cells(points.x).nearest(centers.x)[0], UNSEEN
    else:
        bound, first = nearest_sqdist(points, centers), len(chosen)
    bound[chosen] = -torch.inf
    seen = torch.full_like(points.sqnorm, first, dtype=torch.int64)  # how many chosen points a bound accounts for
    while len(chosen) < size:
        front, others = farthest(bound, FRONT)
        for count in seen[front].unique().tolist():
            if count < len(chosen):
                rows = front[seen[front] == count]
                if count == UNSEEN:
                    for some in split_range(len(centers), CENTERS):
                        now = nearest_sqdist(points.take(rows), centers.take(some))
                        bound[rows] = torch.minimum(bound[rows], now)
                if len(chosen) > max(count, 0):
                    now = nearest_sqdist(points.take(rows), points.take(chosen[max(count, 0) :]))
                    bound[rows] = torch.minimum(bound[rows], now)
        seen[front] = len(chosen)
        front = front[bound[front].argsort(descending=True, stable=True)]
        candidates = front[:CANDIDATES]
        rest = torch.cat([bound[front[CANDIDATES : CANDIDATES + 1]], others])
        limit = float(rest.max()) if len(rest) else -torch.inf
        found = pick_farthest(points.take(candidates), bound[candidates], limit, size - len(chosen))
        new = candidates[found.to(device)]
        if not len(new) and limit <= 0:
            equal = size - len(chosen)
            log.info("k-center: %d of the %d chosen points equal others; no distinct ones were left", equal, size)
            return fill_uniformly(chosen.cpu(), len(points), size, rng)
        bound[new] = -torch.inf
        chosen = torch.cat([chosen, new])
    return chosen.cpu()


def farthest(bound: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Positions (k,) of the ``count`` largest bounds, the largest first, and the next one (1,) or none (0,).

    Equal bounds come in order, as in a stable sort of all, which would cost most of a selection from millions.
    """
    if len(bound) <= count:
        return bound.argsort(descending=True, stable=True), bound[:0]
    among = (bound >= bound.topk(count + 1).values[-1]).nonzero().flatten()
    order = among[bound[among].argsort(descending=True, stable=True)]
    return order[:count], bound[order[count : count + 1]]


def pick_farthest(candidates: Points, distance: Tensor, limit: float, most: int) -> Tensor:
    """Positions of up to ``most`` candidates, farthest first: (k,) int64.

    Stops at a candidate that equals a picked one, or is nearer than ``limit``. All distances are known, so that a pick
    takes microseconds on the CPU.
    """
    mutual = sqdist(candidates, candidates).cpu().numpy()
    now = distance.cpu().numpy().copy()
    picked: list[int] = []
    while len(picked) < most:
        position = int(now.argmax())
        if now[position] < limit or now[position] <= 0:
            break
        picked.append(position)
        now = np.minimum(now, mutual[position])
        now[position] = -torch.inf
    return torch.tensor(picked, dtype=torch.int64)
