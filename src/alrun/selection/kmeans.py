"""k-means, and the points that represent its clusters."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from alrun.selection.greedy_seeding import greedy_seeding
from alrun.selection.points import BLOCK, Dense, Points, nearest_sqdist, take_rows
from alrun.selection.similarity import split_range

TRIES = 10  # rounds in which centers seek a point of their own; the remaining ones take what is near any of them


class Clusters(NamedTuple):
    """Centers (k, d) and, for each point, the position of its nearest center (n,)."""

    centers: Tensor
    labels: Tensor


def kmeans(
    x: Tensor,
    k: int,
    rng: torch.Generator,
    weights: Tensor | None = None,
    iterations: int = 50,
    tolerance: float = 1e-4,
) -> Clusters:
    """Lloyd's algorithm, weighted, from one set of first centers: k-means++ with several trials for each center.

    Own code because scikit-learn's neither runs on a GPU nor seeds thousands of clusters in seconds; up to 4,096
    points it is the same algorithm, except that clusters without points keep their centers here.

    Args:
        x: Points (n, d).
        k: Number of clusters, at most n.
        rng: On the CPU.
        weights: Of the points (n,), above 0; None: all equal.
        iterations: At most this many.
        tolerance: Stop when the squared moves of all centers add up to less than this share of the mean variance of a
            dimension, as in scikit-learn.
    """
    if not 0 < k <= len(x):
        raise ValueError(f"cannot make {k} clusters of {len(x)} points")
    points = Dense(x)
    weights = torch.ones_like(points.sqnorm) if weights is None else weights
    centers = x[greedy_seeding(points, k, rng, weights).to(x.device)].clone()
    return lloyd(x, centers, partial(nearest_centers, points), weights, iterations, tolerance)


def lloyd(
    x: Tensor,
    centers: Tensor,
    assign: Callable[[Tensor], Tensor],
    weights: Tensor,
    iterations: int = 50,
    tolerance: float = 1e-4,
) -> Clusters:
    """Move ``centers`` (k, d) to the means of the points that ``assign`` gives them, again and again."""
    least = tolerance * float(x.var(0, correction=0).mean())
    labels = assign(centers)
    for _ in range(iterations):
        moved = cluster_means(x, labels, weights, centers)
        shift = float((moved - centers).square().sum())
        centers, before = moved, labels
        labels = assign(centers)
        if shift <= least or labels.equal(before):
            break
    return Clusters(centers, labels)


def cluster_means(x: Tensor, labels: Tensor, weights: Tensor, centers: Tensor) -> Tensor:
    """Weighted mean of every cluster (k, d); one without points keeps its center."""
    sums, totals, counts = cluster_sums(x, labels, weights, len(centers))
    return torch.where(counts[:, None] > 0, sums / totals.clamp_min(torch.finfo(x.dtype).tiny)[:, None], centers)


def cluster_sums(x: Tensor, labels: Tensor, weights: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sum (k, d), weight (k,) and number of points (k,) of every cluster; points are added in their order."""
    counts = labels.bincount(minlength=k)
    if x.is_cuda:
        return *sums_of_sorted(x, labels, weights, counts), counts
    sums, totals = x.new_zeros(k, x.shape[1]), weights.new_zeros(k)
    for part in split_range(len(x), max(1, BLOCK["cpu"] // x.shape[1])):  # copies that fit the caches
        sums.index_add_(0, labels[part], x[part] * weights[part, None])
    return sums, totals.index_add_(0, labels, weights), counts


def sums_of_sorted(x: Tensor, labels: Tensor, weights: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """The sums and weights of clusters of ``counts`` (k,) points, on a GPU, where index_add_ adds in any order."""
    order = labels.argsort(stable=True)
    sums = x.new_zeros(len(counts), x.shape[1])
    for some, part in whole_clusters(counts, BLOCK[x.device.type] // x.shape[1]):
        rows = order[part]
        weighted = take_rows(x, rows) * weights[rows, None]
        sums[some] = torch.segment_reduce(weighted, "sum", lengths=counts[some], axis=0)
    return sums, torch.segment_reduce(weights[order], "sum", lengths=counts)


def whole_clusters(counts: Tensor, points: int) -> Iterator[tuple[slice, slice]]:
    """Slices of clusters of ``counts`` (k,) points, and of their points in order: about ``points`` at a time."""
    ends = [0, *counts.cumsum(0).tolist()]
    first = 0
    for last in range(1, len(ends)):
        if ends[last] - ends[first] >= points or last == len(ends) - 1:
            yield slice(first, last), slice(ends[first], ends[last])
            first = last


def nearest_centers(points: Points, centers: Tensor) -> Tensor:
    """Position of the nearest center of every point: (n,) int64, in blocks of bounded memory."""
    others = Dense(centers)
    rows = max(1, BLOCK[centers.device.type] // len(centers))
    labels = torch.empty(len(points), dtype=torch.int64, device=centers.device)
    for part in points.parts():
        block, found = points.take(part), labels[part]
        for some in (slice(start, start + rows) for start in range(0, len(block), rows)):
            torch.argmin(block.take(some).shifted(others), 1, out=found[some])
    return labels


def representatives(x: Tensor, centers: Tensor) -> Tensor:
    """The nearest of the points ``x`` (n, d) to every center (k, d), all distinct: positions (k,) int64, k at most n.

    If centers share their nearest point, the first one has it and the others take their next nearest.
    """
    if len(centers) > len(x):
        raise ValueError(f"{len(x)} points cannot stand for {len(centers)} centers")
    chosen = torch.full((len(centers),), -1, dtype=torch.int64, device=x.device)
    taken = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _ in range(TRIES):
        open_ = (chosen < 0).nonzero().flatten()
        if not len(open_):
            return chosen
        free = (~taken).nonzero().flatten()
        wish = free[nearest_centers(Dense(centers[open_]), x[free])]
        first = torch.full((len(x),), len(open_), device=x.device).scatter_reduce(
            0, wish, torch.arange(len(open_), device=x.device), "amin"
        )
        winners = first[wish] == torch.arange(len(open_), device=x.device)
        chosen[open_[winners]] = wish[winners]
        taken[wish] = True
    open_, free = (chosen < 0).nonzero().flatten(), (~taken).nonzero().flatten()
    if len(open_):
        distance = nearest_sqdist(Dense(x[free]), Dense(centers[open_]))
        chosen[open_] = free[distance.argsort(stable=True)[: len(open_)]]
    return chosen
