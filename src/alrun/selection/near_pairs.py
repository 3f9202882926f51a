"""All pairs of points within a distance, mostly without computing the distances of the others."""

import torch
from torch import Tensor

from alrun.selection.points import BLOCK, ROUND_OFF, TILE, Dense, sqdist, square_lengths
from alrun.selection.products import products
from alrun.selection.similarity import split_range

MOST = 2**23  # pairs that are kept
PAIR = 64  # bytes that one takes while they are collected and made a graph
DIRECTIONS = 255  # of a sketch, which has one number more
SAMPLE = 8192  # points whose principal directions these are
ITERATIONS = 3  # in which these are found: they need not be exact
FEW = 1 / 64  # share of a block's pairs up to which their distances are computed one by one

Pairs = tuple[Tensor, Tensor, Tensor]


class NearPairs:
    """The pairs of near ``points``, found in one pass for the largest distance that was asked for.

    Sketches of the points, a fifth as long, are nearer to each other than the points. So they rule out most pairs, and
    only what is left needs its distance. That pays where few pairs are near.
    """

    def __init__(self, points: Dense) -> None:
        self.points = points
        wide = points.x.shape[1] > 2 * DIRECTIONS and len(points) > SAMPLE
        self.sketch = Dense(sketch(points.x)) if wide else None
        self.limit = -1.0
        self.pairs: Pairs | None = None

    def within(self, limit: float) -> Pairs | None:
        """Positions i < j (k,) int64 of all pairs whose squared distances (k,) are below ``limit``.

        None: there are more than ``MOST``.
        """
        if limit > self.limit:
            self.limit, self.pairs = limit, self.found(limit)
        if self.pairs is None:
            return None
        near = self.pairs[2] < limit
        first, second, distances = (part[near] for part in self.pairs)
        return first, second, distances

    def found(self, limit: float) -> Pairs | None:
        """The same, by a pass over all pairs."""
        parts: list[Pairs] = []
        tiles, count = split_range(len(self.points), TILE), 0
        for number, rows in enumerate(tiles):
            for columns in tiles[number:]:
                first, second, distances = self.in_block(rows, columns, limit)
                once = first < second
                parts.append((first[once], second[once], distances[once]))
                count += len(parts[-1][0])
                if count > MOST:
                    return None
        first, second, distances = (torch.cat(part) for part in zip(*parts, strict=True))
        return first, second, distances

    def in_block(self, rows: slice, columns: slice, limit: float) -> Pairs:
        """The pairs of a block below ``limit``: positions and squared distances."""
        if self.sketch is not None:
            own, others = self.sketch.take(rows), self.sketch.take(columns)
            least = limit + self.round_off(limit) - own.sqnorm
            first, second = (own.shifted(others) < least[:, None]).nonzero(as_tuple=True)
            if len(first) <= FEW * len(own) * len(others):
                first, second = first + rows.start, second + columns.start
                distances = one_by_one(self.points.x, first, second)
                near = distances < limit
                return first[near], second[near], distances[near]
        block = sqdist(self.points.take(rows), self.points.take(columns))
        first, second = (block < limit).nonzero(as_tuple=True)
        return first + rows.start, second + columns.start, block[first, second]

    def round_off(self, limit: float) -> float:
        """How far a bound near ``limit`` may be off: by the directions, and by the lengths, which cancel."""
        eps = torch.finfo(self.points.x.dtype).eps
        return 1e-3 * limit + ROUND_OFF * eps * float(self.points.sqnorm.amax())


def sketch(x: Tensor) -> Tensor:
    """Vectors (n, ``DIRECTIONS`` + 1) that are no farther apart than the rows of ``x`` (n, d).

    They are the rows along the principal directions of some of them, and the length of the rest: the rests of two rows
    differ by no less than their lengths do.
    """
    some = x[:: max(1, len(x) // SAMPLE)]
    center = some.mean(0)
    drawn = torch.randn(x.shape[1], DIRECTIONS, generator=torch.Generator().manual_seed(0))
    directions = torch.linalg.qr(drawn.to(x)).Q
    for _ in range(ITERATIONS):
        along = products(some - center, directions.T.contiguous())
        directions = torch.linalg.qr(products((some - center).T.contiguous(), along.T.contiguous())).Q
    short = x.new_empty(len(x), DIRECTIONS + 1)
    for part in split_range(len(x), max(1, BLOCK[x.device.type] // x.shape[1])):
        short[part, :-1] = along = products(x[part] - center, directions.T.contiguous())
        short[part, -1] = square_lengths(x[part] - center - products(along, directions)).sqrt()
    return short


def one_by_one(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Squared distances (k,) between the rows of ``x`` at ``first`` and those at ``second`` (k,)."""
    distances = x.new_empty(len(first))
    for part in split_range(len(first), max(1, BLOCK[x.device.type] // x.shape[1])):
        apart = x.index_select(0, first[part]).sub_(x.index_select(0, second[part]))
        distances[part] = torch.linalg.vecdot(apart, apart)
    return distances


def pairs_bytes(count: int) -> float:
    """Bytes that the near pairs of ``count`` points take at most, and the sketches."""
    return PAIR * min(MOST, count**2 / 2) + 4 * (DIRECTIONS + 1) * count
