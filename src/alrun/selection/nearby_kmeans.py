"""k-means of many points with many clusters: each point is compared with the centers near to it."""

import torch
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.greedy_seeding import greedy_seeding
from alrun.selection.kmeans import Clusters, kmeans, lloyd, representatives
from alrun.selection.points import Dense

SAMPLE = 10  # points for each cluster among which the first centers are chosen
PART = 2**16  # points whose distances from their centers are computed together


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
    if not 0 < k <= len(x):
        raise ValueError(f"cannot make {k} clusters of {len(x)} points")
    weights = torch.ones_like(x[:, 0]) if weights is None else weights
    sample = torch.randperm(len(x), generator=rng)[: SAMPLE * k].to(x.device)
    first = sample[greedy_seeding(Dense(x[sample]), k, rng, weights[sample]).to(x.device)]
    cells = Cells(x)
    return lloyd(x, x[first], lambda centers: cells.nearest(centers, nearby)[1], weights, iterations)


def nearby_representatives(x: Tensor, clusters: Clusters, nearby: int | None) -> Tensor:
    """A point for every center, all distinct: positions (k,) int64. With ``nearby`` it is the nearest of the cluster.

    Centers without points then take the nearest ones that are left; without ``nearby`` see ``representatives``.
    """
    if nearby is None:
        return representatives(x, clusters.centers)
    centers, labels = clusters
    parts = zip(x.split(PART), labels.split(PART), strict=True)
    distance = torch.cat([(rows - centers[own]).square().sum(1) for rows, own in parts])
    order = distance.argsort(stable=True)
    order = order[labels[order].argsort(stable=True)]  # by cluster, the nearest first
    counts = labels.bincount(minlength=len(centers))
    filled = counts > 0
    chosen = torch.full_like(counts, -1)
    chosen[filled] = order[(counts.cumsum(0) - counts)[filled]]
    if not filled.all():
        free = torch.ones(len(x), dtype=torch.bool, device=x.device)
        free[chosen[filled]] = False
        left = free.nonzero().flatten()
        chosen[~filled] = left[representatives(x[left], centers[~filled])]
    return chosen
