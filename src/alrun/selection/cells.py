"""Points in cells: near points are looked for in near cells only, at a cost that grows as n times the root of n."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from alrun.selection.kmeans import kmeans, nearest_centers
from alrun.selection.points import Dense, sqdist, zero_round_off
from alrun.selection.streamed import Streamed

PROBES = 16  # nearest cells in which a point looks for others, on average
SAMPLE = 32  # points for each cell that place the cells
ITERATIONS = 5  # of k-means that places them
ROWS = 4096  # points of a cell that are compared at a time
COLUMNS = 4096  # others in a matrix product, whose shape decides its speed


class Cells:
    """The points ``x`` (n, d) in about 2 √n cells, those of a k-means of a sample that does not depend on a run's seed.

    A point is compared with others in the cells nearest to its own: so many cells that they hold ``PROBES`` cells'
    share of the others, or as many others as asked for. Where that is all of them, results are exact.

    Source: the inverted file of Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, TPAMI 2011,
    Section IV, without quantization; here all points of a cell search the same cells, in one matrix product.

    Args:
        x: The points, in memory or streamed.
        most: Cells at most, so that the cost of placing a point in one does not grow; None: any number.
    """

    def __init__(self, x: Tensor | Streamed[Dense], most: int | None = None) -> None:
        draws = torch.Generator().manual_seed(0)
        count = min(len(x), 2 * math.isqrt(len(x)), len(x) if most is None else most)
        sample = torch.randperm(len(x), generator=draws)[: SAMPLE * count].sort().values
        self.points = Dense(x) if isinstance(x, Tensor) else x
        self.centers = kmeans(self.points.take(sample).x, count, draws, iterations=ITERATIONS).centers
        self.cell = nearest_centers(self.points, self.centers)
        centers = Dense(self.centers)
        self.near = sqdist(centers, centers).argsort(dim=1, stable=True)  # of each cell, the nearest first

    def targets(self, cell: Tensor, least: int) -> Iterator[Tensor]:
        """For each cell, positions (t,) of the others to compare its points with: at least ``least``.

        ``cell`` (m,) is the cell of each of the others.
        """
        share = PROBES * math.ceil(len(cell) / len(self.centers))
        theirs = members(cell, len(self.centers))
        found = torch.tensor([len(each) for each in theirs])
        near = self.near.cpu()
        enough = ((found[near].cumsum(1) < min(len(cell), max(least, share))).sum(1) + 1).tolist()
        for cells, count in zip(near, enough, strict=True):
            yield torch.cat([theirs[each] for each in cells[:count].tolist()])

    def comparisons(self, targets: Iterable[Tensor], part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions (r,) of some points in a ``part`` of all, and the ``targets`` of their cell; every point once."""
        for rows, others in zip(members(self.cell[part], len(self.centers)), targets, strict=True):
            for some in rows.split(ROWS) if len(rows) else ():
                yield some, others

    def neighbors(self, k: int, itself: bool = True) -> tuple[Tensor, Tensor]:
        """Squared distances (n, k) and positions (n, k), int32, of about the ``k`` nearest points, in no order.

        With ``itself`` False no point is its own neighbor.
        """
        points, count = self.points, len(self.points)
        assert isinstance(points, Dense)
        if not 0 < k <= count - (not itself):
            raise ValueError(f"{count} points do not have {k} neighbors each")
        distances = points.x.new_empty(count, k)
        positions = torch.empty(count, k, dtype=torch.int32, device=points.x.device)
        points.sqnorm  # noqa: B018 - of all at once, for their parts
        for rows, targets in self.comparisons(self.targets(self.cell, k + (not itself)), slice(None)):
            mine = points.take(rows)
            block = torch.cat([sqdist(mine, points.take(some)) for some in targets.split(COLUMNS)], 1)
            if not itself:
                block.masked_fill_(rows[:, None] == targets, torch.inf)
            found = block.topk(k, dim=1, largest=False, sorted=False)
            distances[rows] = found.values
            positions[rows] = targets[found.indices].int()
        return distances, positions

    def nearest(self, others: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
        """Squared distance (n,) and position (n,) of about the nearest of ``others`` (m, d), of ``least`` or more.

        The distance is never below that of the nearest.
        """
        points = self.points
        distances = torch.empty_like(points.sqnorm)
        positions = torch.empty(len(points), dtype=torch.int64, device=others.device)
        for part, _, shifted, nearest in self.found(others, least):
            distances[part] = shifted
            positions[part] = nearest
        return zero_round_off(distances.add_(points.sqnorm), points.sqnorm), positions

    def found(self, others: Tensor, least: int) -> Iterator[tuple[slice, Dense, Tensor, Tensor]]:
        """Each part of the points, in memory, with their distances to ``nearest`` others less their squared lengths."""
        compared, points = Dense(others), self.points
        compared.sqnorm  # noqa: B018 - of all at once, for their parts
        cell = (
            self.cell if isinstance(points, Dense) and others is points.x else nearest_centers(compared, self.centers)
        )
        targets = list(self.targets(cell, least))  # of one search, for all parts
        for part in points.parts():
            block = points.take(part)
            shifted = others.new_empty(len(block))
            nearest = torch.empty(len(block), dtype=torch.int64, device=others.device)
            for rows, some in self.comparisons(targets, part):
                found = block.take(rows).shifted(compared.take(some)).min(1)
                shifted[rows] = found.values
                nearest[rows] = some[found.indices]
            yield part, block, shifted, nearest


def members(cell: Tensor, count: int) -> tuple[Tensor, ...]:
    """The positions in each of ``count`` cells, ascending, for the ``cell`` of each point (n,)."""
    return cell.argsort(stable=True).split(cell.bincount(minlength=count).tolist())
