"""Lloyd's algorithm on points that memory does not hold together, in one pass an iteration."""

import torch
from torch import Tensor

from alrun.selection.cells import Cells
from alrun.selection.kmeans import cluster_sums, representatives
from alrun.selection.points import Dense, sqdist
from alrun.selection.similarity import split_range
from alrun.selection.streamed import Streamed

ROWS = 2**16  # points whose distances from their centers are computed together


class Pass:
    """What one pass finds in which every point is given about the nearest of ``centers`` (k, d).

    ``labels`` (n,) are the positions of the centers, ``distances`` (n,) the squared distances to them. Sums over the
    parts are taken in float64.
    """

    def __init__(self, cells: Cells, centers: Tensor, nearby: int) -> None:
        self.centers = centers
        self.labels = torch.empty(len(cells.points), dtype=torch.int64, device=centers.device)
        self.distances = centers.new_empty(len(cells.points))
        self.sums = torch.zeros_like(centers, dtype=torch.float64)  # of the points of each center
        self.counts = torch.zeros_like(self.sums[:, 0])
        self.squares = torch.zeros_like(self.sums[0])  # of each number of all points
        for part, block, _, labels in cells.found(centers, nearby):
            sums, counts, _ = cluster_sums(block.x, labels, torch.ones_like(block.x[:, 0]), len(centers))
            self.sums += sums
            self.counts += counts
            self.labels[part], distances = labels, self.distances[part]
            for some in split_range(len(block), ROWS):
                self.squares += block.x[some].square().sum(0)
                distances[some] = (block.x[some] - centers[labels[some]]).square_().sum(1)

    def means(self) -> Tensor:
        """The mean of each cluster (k, d); one without points keeps its center."""
        means = (self.sums / self.counts.clamp_min(1)[:, None]).to(self.centers.dtype)
        return torch.where(self.counts[:, None] > 0, means, self.centers)

    def mean_variance(self) -> float:
        """The variance of a number over the points, averaged over the numbers."""
        count = len(self.labels)
        return float((self.squares / count - (self.sums.sum(0) / count).square()).mean())


def streamed_lloyd(cells: Cells, centers: Tensor, nearby: int, iterations: int, tolerance: float = 1e-4) -> Pass:
    """Move ``centers`` (k, d) to the means of the points near to them, as ``lloyd`` does: the last pass."""
    last = Pass(cells, centers, nearby)
    least = tolerance * last.mean_variance()
    for _ in range(iterations):
        now = Pass(cells, last.means(), nearby)
        shift = float((now.centers - last.centers).square().sum())
        has_converged = shift <= least or now.labels.equal(last.labels)
        last = now
        if has_converged:
            break
    return last


def near_points(points: Dense | Streamed[Dense], centers: Tensor, count: int, free: Tensor) -> Tensor:
    """Positions (j,), ascending, of the ``count`` nearest ``free`` (n,) points to each of ``centers`` (m, d)."""
    others = Dense(centers)
    least = centers.new_empty(len(centers), 0)
    nearest = torch.empty(len(centers), 0, dtype=torch.int64, device=centers.device)
    for part in points.parts():
        open_ = free[part].nonzero().flatten()
        distances = sqdist(others, points.take(part).take(open_))  # few centers
        least = torch.cat([least, distances], 1)
        nearest = torch.cat([nearest, (open_ + part.start).expand(len(centers), -1)], 1)
        top = least.topk(min(count, least.shape[1]), dim=1, largest=False)
        least, nearest = top.values, nearest.gather(1, top.indices)
    return nearest.unique()


def fill_empty(points: Dense | Streamed[Dense], centers: Tensor, chosen: Tensor) -> Tensor:
    """``chosen`` (k,) with a point for each of ``centers`` (k, d) that has none (-1): the nearest of what is left."""
    lacking = chosen < 0
    if lacking.any():
        free = torch.ones(len(points), dtype=torch.bool, device=chosen.device)
        free[chosen[~lacking]] = False
        # Each of these centers takes one of so many: no more can be gone when its turn comes.
        among = near_points(points, centers[lacking], int(lacking.sum()), free)
        chosen[lacking] = among[representatives(points.take(among).x, centers[lacking])]
    return chosen
