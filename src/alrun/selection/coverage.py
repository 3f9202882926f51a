"""Covering a pool by balls of one radius."""

import math
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csc_array
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.fill import fill_uniformly
from alrun.selection.near_pairs import NearPairs, Pairs
from alrun.selection.neighbor_facility_location import cover_rows, graph_of
from alrun.selection.points import BLOCK, TILE, Dense, nearest_sqdist, sqdist
from alrun.selection.similarity import split_range

SAMPLE = 512  # balls that say how far apart pairs are looked for


def ball_cover(
    points: Dense, covering: Dense, radius: float, size: int, rng: torch.Generator, near: NearPairs | None = None
) -> Tensor:
    """Positions (size,) int64: each is the point whose ball holds the most points that no ball holds yet.

    The ``covering`` points have balls already. Ties go to the lower position. When all points are covered, the rest is
    drawn uniformly. ``near`` are the pairs of ``points``, if they were looked for before.

    Source: Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022, Algorithm 1.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    nearest = nearest_sqdist(points, covering) if len(covering) else torch.full_like(points.sqnorm, torch.inf)
    open_ = nearest >= radius**2
    pairs = (near or NearPairs(points)).within(radius**2)
    chosen = cover_crowded(points, open_, radius, size) if pairs is None else cover_pairs(pairs, open_, size)
    return fill_uniformly(chosen, len(points), size, rng)


def cover_pairs(pairs: Pairs, open_: Tensor, size: int) -> Tensor:
    """Up to ``size`` choices (k,) int64, where ``pairs`` are those nearer than the radius."""
    first, second, count = pairs[0].cpu(), pairs[1].cpu(), len(open_)
    own = torch.arange(count)  # a point lies in its own ball, however small
    rows, columns = torch.cat([own, first, second]).numpy(), torch.cat([own, second, first]).numpy()
    inside = csc_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(count, count))
    return cover_rows(inside, size, (~open_).float().cpu().numpy())


def cover_crowded(points: Dense, open_: Tensor, radius: float, size: int) -> Tensor:
    """The same, where too many pairs are that near to keep them.

    Every distance is computed once at the start, and once more when one of its two points is covered.
    """
    gain = count_open_held(points, open_, radius)
    chosen: list[int] = []
    while len(chosen) < size and open_.any():
        position = int(gain.argmax())
        chosen.append(position)
        inside = sqdist(points, points.take(torch.tensor([position], device=open_.device)))[:, 0] < radius**2
        covered = open_ & inside
        covered[position] = open_[position]
        open_ = open_ & ~covered
        if covered[position]:
            gain -= inside.long()  # the balls that hold a point are those whose centers its own ball holds
            covered[position] = False
        if covered.any():
            gain -= count_held(points, points.take(covered.nonzero().flatten()), radius)
        gain[position] = -1  # once only
    return torch.tensor(chosen, dtype=torch.int64)


def nearby_ball_cover(
    points: Dense, covering: Dense, radius: float, size: int, rng: torch.Generator, nearby: int
) -> Tensor:
    """``ball_cover`` by balls that hold a point only if their centers are among about its ``nearby`` nearest points."""
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    cells = Cells(points.x)
    held = torch.zeros(len(points))
    if len(covering):
        held = (cells.nearest(covering.x, nearby)[0] < radius**2).float().cpu()
    distances, positions = cells.neighbors(nearby)
    inside = (distances < radius**2) | (positions == torch.arange(len(points), device=positions.device)[:, None])
    graph = graph_of(inside.float().cpu(), positions.cpu(), len(points), held)
    return fill_uniformly(cover_rows(graph, size, held.numpy()), len(points), size, rng)


def count_held(points: Dense, others: Dense, radius: float) -> Tensor:
    """How many of ``others`` lie in the ball of each point: (n,) int64."""
    counts = torch.zeros(len(points), dtype=torch.int64, device=points.x.device)
    for some in split_range(len(others), TILE):
        centers = others.take(some)
        for part in split_range(len(points), max(TILE, BLOCK[points.x.device.type] // len(centers))):
            counts[part] += (sqdist(points.take(part), centers) < radius**2).sum(1)
    return counts


def count_open_held(points: Dense, open_: Tensor, radius: float) -> Tensor:
    """How many ``open_`` points lie in the ball of each point: (n,) int64. Each distance is computed once."""
    counts = torch.zeros(len(points), dtype=torch.int64, device=points.x.device)
    tiles = split_range(len(points), TILE)
    for number, rows in enumerate(tiles):
        centers = points.take(rows)
        for columns in tiles[number:]:
            near = sqdist(centers, points.take(columns)) < radius**2
            counts[rows] += (near & open_[columns]).sum(1)
            if columns is not rows:
                counts[columns] += (near & open_[rows, None]).sum(0)
    return counts


def pure_radius(
    points: Dense, labels: Tensor, purity: float, among: Tensor | None = None, near: NearPairs | None = None
) -> float:
    """The largest radius at which a share ``purity`` of the balls hold points of one label only.

    Infinite if all points have one label. ``among`` (k,) are the positions of the balls; None: all points. ``near`` are
    the pairs of ``points``, for ``ball_cover`` to use again.
    """
    if among is not None:
        return math.sqrt(ranked(nearest_of_some(points, labels, among), purity))
    limit = likely_above(points, labels, purity)
    pairs = (near or NearPairs(points)).within(limit) if limit < math.inf else None
    found = ranked(nearest_in_pairs(pairs, labels), purity) if pairs is not None else math.inf
    if found >= limit:  # there are too many pairs, or more pure balls than the sample has
        found = ranked(nearest_otherwise(points, labels), purity)
    return math.sqrt(found)


def ranked(nearest: Tensor, purity: float) -> float:
    """The squared radius at which a share ``purity`` of balls is pure, by what is ``nearest`` to each center (n,)."""
    return float(nearest.sort().values[round((1 - purity) * (len(nearest) - 1))])


def likely_above(points: Dense, labels: Tensor, purity: float) -> float:
    """A squared distance that is likely a little above the squared pure radius, by the balls of some points."""
    among = torch.arange(0, len(points), max(1, len(points) // SAMPLE), device=labels.device)
    spread = math.sqrt(purity * (1 - purity) / len(among))
    return ranked(nearest_of_some(points, labels, among), max(0.0, purity - 3 * spread))


def nearest_in_pairs(pairs: Pairs, labels: Tensor) -> Tensor:
    """Squared distance of every point to the nearest point of another label (n,), infinite if no pair has one."""
    first, second, distances = pairs
    mixed = labels[first] != labels[second]
    nearest = torch.full((len(labels),), torch.inf, dtype=distances.dtype, device=distances.device)
    for side in (first, second):
        nearest.scatter_reduce_(0, side[mixed], distances[mixed], "amin")
    return nearest


def nearest_otherwise(points: Dense, labels: Tensor) -> Tensor:
    """Squared distance of every point to the nearest point of another label: (n,). Each distance is computed once."""
    order = labels.argsort(stable=True)
    ordered, nearest = points.take(order), torch.full((len(points),), torch.inf, device=points.x.device)
    ends = labels[order].unique_consecutive(return_counts=True)[1].cumsum(0).tolist()
    for first, last in pairwise([0, *ends]):
        for rows in slices(first, last):
            some = ordered.take(rows)
            for columns in slices(last, len(points)):
                distances = sqdist(some, ordered.take(columns))
                torch.minimum(nearest[rows], distances.amin(1), out=nearest[rows])
                torch.minimum(nearest[columns], distances.amin(0), out=nearest[columns])
    return torch.empty_like(nearest).index_copy_(0, order, nearest)


def slices(first: int, last: int) -> list[slice]:
    """The positions from ``first`` to ``last`` in slices of at most ``TILE``."""
    return [slice(start, min(start + TILE, last)) for start in range(first, last, TILE)]


def nearest_of_some(points: Dense, labels: Tensor, among: Tensor) -> Tensor:
    """The same of the points at ``among`` (k,) only, in one pass over all points: (k,)."""
    some, nearest = points.take(among), torch.full((len(among),), torch.inf, device=points.x.device)
    for part in split_range(len(points), 2 * TILE):
        distances = sqdist(points.take(part), some)
        distances.masked_fill_(labels[part, None] == labels[among], torch.inf)
        nearest = torch.minimum(nearest, distances.amin(0))
    return nearest
