"""Points in cells: near points are looked for in near cells only, at a cost that grows as n times the root of n."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from alrun.selection.kmeans import kmeans, nearest_centers
from alrun.selection.points import Dense, sqdist, zero_round_off

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
    """

    def __init__(self, x: Tensor) -> None:
        draws = torch.Generator().manual_seed(0)
        count = min(len(x), 2 * math.isqrt(len(x)))
        sample = torch.randperm(len(x), generator=draws)[: SAMPLE * count].sort().values
        self.points = Dense(x)
        self.centers = kmeans(x[sample.to(x.device)], count, draws, iterations=ITERATIONS).centers
        self.cell = nearest_centers(self.points, self.centers)
        centers = Dense(self.centers)
        self.near = sqdist(centers, centers).argsort(dim=1, stable=True)  # of each cell, the nearest first

    def comparisons(self, others: Tensor, least: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions (r,) of some points, and positions (t,) of the ``others`` (m, d) to compare them with.

        Every point comes once, with at least ``least`` others.
        """
        share = PROBES * math.ceil(len(others) / len(self.centers))
        cell = self.cell if others is self.points.x else nearest_centers(Dense(others), self.centers)
        mine, theirs = members(self.cell, len(self.centers)), members(cell, len(self.centers))
        found = torch.tensor([len(each) for each in theirs])
        near = self.near.cpu()
        enough = ((found[near].cumsum(1) < min(len(others), max(least, share))).sum(1) + 1).tolist()
        for rows, cells, count in zip(mine, near, enough, strict=True):
            if len(rows):
                targets = torch.cat([theirs[each] for each in cells[:count].tolist()])
                for some in rows.split(ROWS):
                    yield some, targets

    def neighbors(self, k: int, itself: bool = True) -> tuple[Tensor, Tensor]:
        """Squared distances (n, k) and positions (n, k), int32, of about the ``k`` nearest points, in no order.

        With ``itself`` False no point is its own neighbor.
        """
        points, count = self.points, len(self.points)
        if not 0 < k <= count - (not itself):
            raise ValueError(f"{count} points do not have {k} neighbors each")
        distances = points.x.new_empty(count, k)
        positions = torch.empty(count, k, dtype=torch.int32, device=points.x.device)
        points.sqnorm  # noqa: B018 - of all at once, for their parts
        for rows, targets in self.comparisons(points.x, k + (not itself)):
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
        points, compared = self.points, Dense(others)
        distances = torch.empty_like(points.sqnorm)
        positions = torch.empty(len(points), dtype=torch.int64, device=others.device)
        compared.sqnorm  # noqa: B018 - of all at once, for their parts
        for rows, targets in self.comparisons(others, least):
            found = points.take(rows).shifted(compared.take(targets)).min(1)
            distances[rows] = found.values
            positions[rows] = targets[found.indices]
        return zero_round_off(distances.add_(points.sqnorm), points.sqnorm), positions


def members(cell: Tensor, count: int) -> tuple[Tensor, ...]:
    """The positions in each of ``count`` cells, ascending, for the ``cell`` of each point (n,)."""
    return cell.argsort(stable=True).split(cell.bincount(minlength=count).tolist())
