"""The most similar points of every point, each similarity of two points computed once for both."""

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.selection.points import Points
from alrun.selection.similarity import Kernel, parts

TILE = 1024  # points on each side: large enough for a fast matrix product, small enough for the cache
GROUP = 8  # similarities that are looked at together


def mutual_neighbours(points: Points, kernel: Kernel, k: int) -> tuple[Tensor, Tensor]:
    """Similarities (n, k) in float32 and positions (n, k) of the ``k`` most similar points of each, in no order.

    A point is among its own neighbours. The kernel must be symmetric. Memory is n x k numbers and a few tiles.
    Half of the arithmetic of n² products remains; what a tile adds to rows that have ``k`` neighbours already is
    found by the maxima of its groups, since few groups have one above the least of the ``k``.
    """
    best = Best(len(points), k, points.sqnorm.device)
    tiles = parts(len(points), max(TILE, k))
    for number, rows in enumerate(tiles):
        chosen = points.take(rows)
        for columns in tiles[number:]:
            tile = kernel(chosen, points.take(columns))
            best.add(rows, columns, tile)
            if columns is not rows:
                best.add(columns, rows, tile.T)
    return best.values, best.positions


class Best:
    """The ``k`` largest similarities of n rows among the columns seen so far, and their columns."""

    def __init__(self, n: int, k: int, device: torch.device) -> None:
        self.values = torch.full((n, k), -torch.inf, device=device)
        self.positions = torch.zeros((n, k), dtype=torch.long, device=device)

    def add(self, rows: slice, columns: slice, tile: Tensor) -> None:
        """Similarities (r, c) of some rows to columns that they have not seen."""
        values, positions = self.values[rows], self.positions[rows]
        least = values.amin(dim=1)
        if torch.isinf(least).any():  # less than k seen
            found, at = tile.topk(min(values.shape[1], tile.shape[1]), dim=1, sorted=False)
        else:
            found, at = larger(tile, least)
        kept = torch.cat([values, found], dim=1).topk(values.shape[1], dim=1, sorted=False)
        self.values[rows] = kept.values
        self.positions[rows] = torch.cat([positions, at + columns.start], dim=1).gather(1, kept.indices)


def larger(tile: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
    """What exceeds ``least`` (r,) in each row of a tile (r, c), and its columns: both (r, w), filled up with -inf.

    w is the largest number of such values in a row.
    """
    if missing := -tile.shape[1] % GROUP:
        tile = F.pad(tile, (0, missing), value=-torch.inf)
    groups = tile.unflatten(1, (GROUP, -1))  # columns g, g + c/8, g + 2c/8, ... are group g
    largest = reduce(torch.maximum, groups.unbind(1))  # amax over a middle dimension is several times slower
    row, group = (largest > least[:, None]).nonzero(as_tuple=True)
    values = groups[row, :, group]
    above = values > least[row, None]
    row = row[:, None].expand_as(values)[above]
    columns = torch.arange(tile.shape[1], device=tile.device).view(GROUP, -1).T[group][above]
    counts = row.bincount(minlength=len(tile))
    slot = torch.arange(len(row), device=tile.device) - (counts.cumsum(0) - counts)[row]
    found = torch.full((len(tile), int(counts.max())), -torch.inf, device=tile.device)
    at = torch.zeros(found.shape, dtype=torch.long, device=tile.device)
    found[row, slot] = values[above]
    at[row, slot] = columns
    return found, at
