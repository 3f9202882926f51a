"""The most similar points of every point, each similarity of two points computed once for both."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.selection.points import TILE, Points
from alrun.selection.similarity import Kernel, Similarity, split_range

SAMPLE = 1024  # points that show each row how similar the others are
ROOM = 3  # times k: similarities that a row holds before all but its k largest are dropped
WORD = 8  # truth values that are read together, as one integer of 64 bits


def mutual_neighbors(points: Points, kernel: Kernel, k: int) -> tuple[Tensor, Tensor]:
    """Similarities (n, k) in float32 and positions (n, k) of the ``k`` most similar points of each, in no order.

    A point is among its own neighbors. The kernel must be symmetric. Memory is a few times n x k numbers, and tiles.

    This takes half of the n² products. A random sample estimates what a row's neighbors exceed, so that almost nothing
    of most tiles is kept; the few rows with too little kept are computed in full. The result does not depend on the
    sample.
    """
    n = len(points)
    rank = safe_rank(k * SAMPLE / n)
    if rank >= min(SAMPLE, n):  # too few points to save anything
        return Similarity(points, points, kernel, memory=0).most_similar(k)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:SAMPLE]
    sample = points.take(chosen.to(points.sqnorm.device))
    tiles = split_range(n, TILE)
    likely = [kernel(points.take(rows), sample).topk(rank, dim=1, sorted=False).values.amin(dim=1) for rows in tiles]
    best = TopK(torch.cat(likely), k)
    for number, rows in enumerate(tiles):
        for columns in tiles[number:]:
            best.add(rows, columns, kernel(points.take(rows), points.take(columns)))
    values, positions = best.result(tiles)
    if len(short := (best.counts < k).nonzero().squeeze(1)):
        found = Similarity(points.take(short), points, kernel, memory=0).most_similar(k)
        values[short], positions[short] = (part.to(values.device) for part in found)
    return values, positions


def safe_rank(expected: float) -> int:
    """A rank in the sample that the k-th of all points exceeds in few rows; ``expected`` of the k are in the sample."""
    return int(expected + 3 * expected**0.5) + 2  # the number of them in the sample is nearly a Poisson variable


class TopK:
    """The ``k`` largest similarities of n rows, among those that exceed ``least`` (n,)."""

    def __init__(self, least: Tensor, k: int) -> None:
        n, device = len(least), least.device
        self.k = k
        self.least = least
        self.counts = torch.zeros(n, dtype=torch.long, device=device)
        self.values = torch.full((n, ROOM * k), -torch.inf, device=device)
        self.positions = torch.zeros((n, ROOM * k), dtype=torch.int32, device=device)

    def add(self, rows: slice, columns: slice, tile: Tensor) -> None:
        """Add a tile (r, c) of new similarities: of the rows to the columns, and by symmetry of the columns to them."""
        mine, theirs = self.least[rows], self.least[columns]
        found = find_true((tile > mine[:, None]).logical_or_(tile > theirs))
        row, column, value = found // tile.shape[1], found % tile.shape[1], tile.view(-1)[found]
        kept = value > mine[row]
        self.put(rows, row[kept], column[kept] + columns.start, value[kept])
        if columns is not rows:
            kept = (value > theirs[column]).nonzero().squeeze(1)
            kept = kept[column[kept].argsort()]
            self.put(columns, column[kept], row[kept] + rows.start, value[kept])

    def put(self, rows: slice, row: Tensor, column: Tensor, value: Tensor) -> None:
        """Store ``value`` (m,): similarities of ``row`` (ascending, counted from ``rows.start``) to ``column``."""
        while len(row):
            added = row.bincount(minlength=rows.stop - rows.start)
            before = added.cumsum(0) - added - self.counts[rows]
            slot = torch.arange(len(row), device=row.device) - before[row]
            fits = slot < self.values.shape[1]
            at = (row[fits] + rows.start, slot[fits])
            self.values[at] = value[fits]
            self.positions[at] = column[fits].int()
            self.counts[rows] = (self.counts[rows] + added).clamp(max=self.values.shape[1])
            if fits.all():
                return
            self.shrink(rows)
            left = ~fits & (value > self.least[rows][row])
            row, column, value = row[left], column[left], value[left]

    def shrink(self, rows: slice) -> None:
        """Keep the ``k`` largest of each of the rows; rows that have ``k`` then ask for more than their smallest."""
        top = self.values[rows].topk(self.k, dim=1)  # sorted: rows with fewer than k keep them at the front
        self.positions[rows, : self.k] = self.positions[rows].gather(1, top.indices)
        self.values[rows, : self.k] = top.values
        self.values[rows, self.k :] = -torch.inf
        self.counts[rows] = self.counts[rows].clamp(max=self.k)
        self.least[rows] = self.least[rows].maximum(top.values.amin(dim=1))

    def result(self, tiles: list[slice]) -> tuple[Tensor, Tensor]:
        """Similarities (n, k) and positions (n, k) of all rows, in no order."""
        for rows in tiles:
            self.shrink(rows)
        return self.values[:, : self.k].contiguous(), self.positions[:, : self.k].long()


def find_true(mask: Tensor) -> Tensor:
    """Positions of the true values in the flattened ``mask``, ascending: (m,) int64."""
    flat = mask.view(-1)
    flat = F.pad(flat, (0, -len(flat) % WORD))
    word = flat.view(torch.int64).nonzero().squeeze(1)  # if few values are true, several times as fast as by bytes
    within = torch.arange(WORD, device=mask.device)
    return (word[:, None] * WORD + within)[flat.view(-1, WORD)[word]]
