"""k-means, and the points that stand for its clusters."""

from typing import NamedTuple

import torch
from torch import Tensor

from alrun.selection.greedy_seeding import greedy_seeding
from alrun.selection.points import BLOCK, Dense, nearest_sqdist

TRIES = 10  # of giving each centre a point of its own, before the remaining ones take what is near any of them


class Clusters(NamedTuple):
    """Centres (k, d) and, for each point, the position of its nearest centre (n,)."""

    centres: Tensor
    labels: Tensor


def kmeans(
    x: Tensor,
    k: int,
    rng: torch.Generator,
    weights: Tensor | None = None,
    iterations: int = 50,
    tolerance: float = 1e-4,
) -> Clusters:
    """Lloyd's algorithm, weighted, from one set of first centres: k-means++ with several trials for each centre.

    Own code because scikit-learn's neither runs on a GPU nor seeds thousands of clusters in seconds; up to 4,096
    points it is the same algorithm, but for clusters without points, which keep their centres here.

    Args:
        x: Points (n, d).
        k: Number of clusters, at most n.
        rng: On the CPU.
        weights: Of the points (n,), above 0; None: all equal.
        iterations: At the most.
        tolerance: Stop when the squared moves of all centres add up to less than this share of the mean variance of a
            dimension, as in scikit-learn.
    """
    if not 0 < k <= len(x):
        raise ValueError(f"cannot make {k} clusters of {len(x)} points")
    points = Dense(x)
    weights = torch.ones_like(points.sqnorm) if weights is None else weights
    centres = x[greedy_seeding(points, k, rng, weights).to(x.device)].clone()
    least = tolerance * float(x.var(0, correction=0).mean())
    labels = nearest(points, centres)
    for _ in range(iterations):
        moved = means(x, labels, weights, centres)
        shift = float((moved - centres).square().sum())
        centres, before = moved, labels
        labels = nearest(points, centres)
        if shift <= least or labels.equal(before):
            break
    return Clusters(centres, labels)


def means(x: Tensor, labels: Tensor, weights: Tensor, centres: Tensor) -> Tensor:
    """Weighted mean of every cluster; one without points keeps its centre. Summed in order: the same on every run."""
    order = labels.argsort(stable=True)
    counts = labels.bincount(minlength=len(centres))
    weighted = (x * weights[:, None])[order]
    sums = torch.segment_reduce(weighted, "sum", lengths=counts, axis=0)
    totals = torch.segment_reduce(weights[order], "sum", lengths=counts)
    return torch.where(counts[:, None] > 0, sums / totals.clamp_min(torch.finfo(x.dtype).tiny)[:, None], centres)


def nearest(points: Dense, centres: Tensor) -> Tensor:
    """Position of the nearest centre for every point: (n,), in blocks of bounded memory."""
    others = Dense(centres)
    rows = max(1, BLOCK[centres.device.type] // len(centres))
    labels = torch.empty(len(points), dtype=torch.int64, device=centres.device)
    for some in (slice(start, start + rows) for start in range(0, len(points), rows)):
        torch.argmin(points.take(some).shifted(others), 1, out=labels[some])
    return labels


def representatives(x: Tensor, centres: Tensor) -> Tensor:
    """For every centre (k, d) the nearest of the points ``x`` (n, d), all distinct: positions (k,), k at most n.

    Of centres with the same nearest point the first one has it, the others take their next nearest.
    """
    if len(centres) > len(x):
        raise ValueError(f"{len(x)} points cannot stand for {len(centres)} centres")
    chosen = torch.full((len(centres),), -1, dtype=torch.int64, device=x.device)
    taken = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _ in range(TRIES):
        open_ = (chosen < 0).nonzero().flatten()
        if not len(open_):
            return chosen
        free = (~taken).nonzero().flatten()
        wish = free[nearest(Dense(centres[open_]), x[free])]
        first = torch.full((len(x),), len(open_), device=x.device).scatter_reduce(
            0, wish, torch.arange(len(open_), device=x.device), "amin"
        )
        winners = first[wish] == torch.arange(len(open_), device=x.device)
        chosen[open_[winners]] = wish[winners]
        taken[wish] = True
    open_, free = (chosen < 0).nonzero().flatten(), (~taken).nonzero().flatten()
    if len(open_):
        distance = nearest_sqdist(Dense(x[free]), Dense(centres[open_]))
        chosen[open_] = free[distance.argsort(stable=True)[: len(open_)]]
    return chosen
