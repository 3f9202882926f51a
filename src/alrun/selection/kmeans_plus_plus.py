"""k-means++ seeding: spread-out points, drawn in proportion to their squared distance from those drawn before."""

import logging

import torch
from torch import Tensor

from alrun.selection.fill import fill_uniformly
from alrun.selection.points import Points, nearest_sqdist, sqdist

log = logging.getLogger(__name__)

CANDIDATES = 4096  # in a block, at most; their mutual distances take 64 MB


def kmeans_plus_plus(points: Points, size: int, rng: torch.Generator) -> Tensor:
    """Positions (size,) int64 of distinct points: the longest one first, then D² sampling.

    The draws have exactly the distribution of drawing one center after the other, in a few matrix products instead of
    one pass over the points for each. Squared distances only shrink as centers are added, so those from before a block
    are upper bounds: candidates are drawn from them, and each in turn is accepted with probability (its
    distance now) / (its bound), for which the distances among the candidates suffice. Then the accepted ones update
    the distances of all points at once.

    Once every remaining distance is zero (fewer distinct points than ``size``), the rest is drawn uniformly. Distances
    are summed in float64 on the CPU: exact enough for any n and equal from run to run.

    Source: Arthur and Vassilvitskii 2007, Section 2.2; the deterministic first point as in Ash et al. 2020; rejection
    from an upper bound as in Cohen-Addad et al. 2020, here with the exact distances.
    """
    sqnorm = points.sqnorm
    if not 0 < size <= len(sqnorm):
        raise ValueError(f"cannot choose {size} of {len(sqnorm)} points")
    chosen = sqnorm.argmax().cpu()[None]
    bound = torch.full((len(sqnorm),), torch.inf, dtype=torch.float64)
    new = chosen
    while len(chosen) < size:
        nearest = nearest_sqdist(points, points.take(new.to(sqnorm.device)))
        torch.minimum(bound, nearest.double().cpu(), out=bound)
        bound[new] = 0
        cumulative = bound.cumsum(0)
        if cumulative[-1] == 0:
            log.info("k-means++: only %d distinct points; the rest is drawn uniformly", len(chosen))
            return fill_uniformly(chosen, len(sqnorm), size, rng)
        # Early centers change the distances most: blocks grow with the number of centers.
        # Of factors from 4 to 16, 12 left the fewest distances to compute on clustered embeddings.
        count = min(CANDIDATES, 2 * (size - len(chosen)), 12 * (len(chosen) + 1))
        draws = torch.rand(count, generator=rng, dtype=torch.float64) * cumulative[-1]
        # right=True: a draw of exactly 0 must not fall on a point of zero distance.
        candidates = torch.searchsorted(cumulative, draws, right=True)
        new = candidates[accept_candidates(points, candidates, bound[candidates], size - len(chosen), rng)]
        chosen = torch.cat([chosen, new])
    return chosen


def accept_candidates(points: Points, candidates: Tensor, bound: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Positions among the ``candidates`` of those that become centers, in order, at most ``most``: (k,) int64.

    The first candidate always becomes one.
    """
    block = points.take(candidates.to(points.sqnorm.device))
    distance = sqdist(block, block).double().cpu()
    distance[candidates[:, None] == candidates] = 0
    thresholds = torch.rand(len(candidates), generator=rng, dtype=torch.float64) * bound
    now, kept = bound.clone(), []
    for position in range(len(candidates)):
        if now[position] > thresholds[position]:
            kept.append(position)
            if len(kept) == most:
                break
            torch.minimum(now, distance[position], out=now)
    return torch.tensor(kept)
