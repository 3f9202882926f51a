"""k-means of many points with many clusters: each point is compared with the centers near to it."""

import torch
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.greedy_seeding import greedy_seeding
from alrun.selection.kmeans import Clusters, kmeans, lloyd, representatives
from alrun.selection.points import Dense
from alrun.selection.streamed import Streamed
from alrun.selection.streamed_kmeans import fill_empty, streamed_lloyd

SAMPLE = 10  # points for each cluster among which the first centers are chosen
PART = 2**16  # points whose distances from their centers are computed together
CELLS = 2048  # from which on there are at most twice as many cells as clusters: the cost of a point stays the same


def nearby_kmeans(
    x: Tensor, k: int, rng: torch.Generator, nearby: int | None, weights: Tensor | None = None, iterations: int = 50
) -> Clusters:
    """``kmeans`` that compares each point with about ``nearby`` centers near to it, or with all where that is None.

    First centers come from a sample of the points, as ``kmeans`` would choose them there; the cost of an iteration
    does not grow with the number of clusters.

    Source: Philbin et al., Object Retrieval with Large Vocabularies and Fast Spatial Matching, CVPR 2007, Section 3.1
    (approximate k-means), with cells for trees.
    """
    if nearby is None:
        return kmeans(x, k, rng, weights, iterations)
    weights = torch.ones_like(x[:, 0]) if weights is None else weights
    first = first_centers(Dense(x), k, rng, weights)
    cells = Cells(x, max(CELLS, 2 * k))
    return lloyd(x, first, lambda centers: cells.nearest(centers, nearby)[1], weights, iterations)


def first_centers(points: Dense | Streamed[Dense], k: int, rng: torch.Generator, weights: Tensor | None) -> Tensor:
    """The ``k`` first centers (k, d), chosen among a sample; ``weights`` are of the points (n,), None: all equal."""
    if not 0 < k <= len(points):
        raise ValueError(f"cannot make {k} clusters of {len(points)} points")
    sample = torch.randperm(len(points), generator=rng)[: SAMPLE * k]
    some = Dense(points.take(sample).x)
    weigh = torch.ones_like(some.x[:, 0]) if weights is None else weights[sample.to(weights.device)]
    return some.x[greedy_seeding(some, k, rng, weigh).to(some.x.device)]


def nearby_representatives(x: Tensor, clusters: Clusters, nearby: int | None) -> Tensor:
    """A point for every center, all distinct: positions (k,) int64. With ``nearby`` it is the nearest of the cluster.

    Centers without points then take the nearest ones that are left; without ``nearby`` see ``representatives``.
    """
    if nearby is None:
        return representatives(x, clusters.centers)
    centers, labels = clusters
    parts = zip(x.split(PART), labels.split(PART), strict=True)
    distance = torch.cat([(rows - centers[own]).square().sum(1) for rows, own in parts])
    chosen = nearest_of_clusters(distance, labels, len(centers))
    filled = chosen >= 0
    if not filled.all():
        free = torch.ones(len(x), dtype=torch.bool, device=x.device)
        free[chosen[filled]] = False
        left = free.nonzero().flatten()
        chosen[~filled] = left[representatives(x[left], centers[~filled])]
    return chosen


def nearest_of_clusters(distance: Tensor, labels: Tensor, k: int) -> Tensor:
    """The point of each cluster with the smallest ``distance`` (n,): positions (k,) int64, -1 of an empty cluster."""
    order = distance.argsort(stable=True)
    order = order[labels[order].argsort(stable=True)]  # by cluster, the nearest first
    counts = labels.bincount(minlength=k)
    chosen = torch.full_like(counts, -1)
    chosen[counts > 0] = order[(counts.cumsum(0) - counts)[counts > 0]]
    return chosen


def streamed_kmeans_points(
    points: Streamed[Dense], k: int, rng: torch.Generator, nearby: int, iterations: int
) -> Tensor:
    """``nearby_representatives`` of ``nearby_kmeans``, of points that memory does not hold together: (k,) int64."""
    first = first_centers(points, k, rng, None)
    last = streamed_lloyd(Cells(points, max(CELLS, 2 * k)), first, nearby, iterations)
    return fill_empty(points, last.centers, nearest_of_clusters(last.distances, last.labels, k))
