"""Similarities of points, held as a matrix if memory allows it and otherwise computed again when needed."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from alrun.selection.linear import projections, weighted_sum
from alrun.selection.points import BLOCK, TILE, Dense, Outer, Points, sqdist, take_rows

FEW = 64  # points of which each is compared with all to have its similarity to itself
Kernel = Callable[[Points, Points], Tensor]  # n and m points to (n, m)


def cosine(points: Points, other: Points) -> Tensor:
    """(1 + cos) / 2, from 0 to 1, of points of length 1 (``Points.normalized``)."""
    products = points.inner(other)
    half = torch.tensor(0.5, dtype=products.dtype, device=products.device)
    return torch.add(half, products, alpha=0.5, out=products)  # in one pass


def gaussian(bandwidth: float) -> Kernel:
    """The kernel exp(-|x - y|² / bandwidth²)."""
    return lambda points, other: sqdist(points, other).mul_(-1 / bandwidth**2).exp_()


class Similarity:
    """Similarities of candidates to rows.

    Args:
        candidates: Points to choose from, c of them.
        rows: Points to represent, n of them.
        kernel: Similarity of two sets of points.
        memory: Bytes that similarities may take. A (c, n) matrix must leave a ninth of them free for intermediate
            results; if it does not fit, it is computed again part by part.
    """

    def __init__(self, candidates: Points, rows: Points, kernel: Kernel, memory: float) -> None:
        self.candidates = candidates
        self.rows = rows
        self.kernel = kernel
        self.matrix: Tensor | None = None
        self.spare = memory  # bytes
        needed = 4.0 * len(candidates) * len(rows)
        if 9 / 8 * needed <= memory:
            self.spare -= needed
            self.matrix = self.formed()

    def formed(self) -> Tensor:
        """The whole matrix (c, n); if rows and candidates are the same points, each similarity is computed once."""
        matrix = torch.empty(len(self.candidates), len(self.rows), device=self.device)
        same = self.rows is self.candidates
        for part in self.blocks():
            start = part.start if same else 0
            block = self.kernel(self.candidates.take(part), self.rows.take(slice(start, None)))
            matrix[part, start:] = block
            if same:
                matrix[part.stop :, part] = block[:, part.stop - part.start :].T
        return matrix

    @property
    def device(self) -> torch.device:
        """The device of the points."""
        return self.rows.sqnorm.device

    def of(self, part: Tensor | slice, out: Tensor | None = None) -> Tensor:
        """Similarities of some candidates to all rows: (k, n); the caller may change them. ``out`` is memory to use."""
        if self.matrix is not None:
            return self.matrix[part].clone() if isinstance(part, slice) else take_rows(self.matrix, part)
        chosen = self.candidates.take(part)
        out = torch.empty(len(chosen), len(self.rows), device=self.device) if out is None else out[: len(chosen)]
        # Few enough rows at a time that the kernel's product stays in the cache.
        for others in split_range(len(self.rows), max(1, BLOCK[self.device.type] // len(chosen))):
            out[:, others] = self.kernel(chosen, self.rows.take(others))
        return out

    @property
    def computed_for_both(self) -> bool:
        """Whether no matrix is held, and rows and candidates are the same points: one similarity serves two."""
        return self.matrix is None and self.rows is self.candidates

    def tiles(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """Where rows and candidates are the same points: pairs of slices and their similarities (k, m), each once."""
        slices = split_range(len(self.rows), TILE)
        for number, own in enumerate(slices):
            some = self.rows.take(own)
            for others in slices[number:]:
                yield own, others, self.kernel(some, self.rows.take(others))

    def sums(self) -> Tensor:
        """Sums of each candidate's similarities to all rows: (c,). Those of cosines take no pass over pairs."""
        rows = self.rows
        if self.computed_for_both and self.kernel is cosine and isinstance(rows, Dense | Outer):
            return (len(rows) + projections(rows, weighted_sum(rows, torch.ones_like(rows.sqnorm)))) / 2
        return torch.cat([self.of(part).sum(1) for part in self.blocks()])

    def own(self) -> Tensor:
        """Similarity of each candidate to itself, where rows and candidates are the same points: (c,)."""
        if self.matrix is not None:
            return self.matrix.diagonal().clone()
        parts = (self.candidates.take(part) for part in split_range(len(self.candidates), FEW))
        return torch.cat([self.kernel(part, part).diagonal() for part in parts])

    def most_similar(self, k: int) -> tuple[Tensor, Tensor]:
        """Similarities (c, k) and positions (c, k) of the ``k`` rows most similar to each candidate, on the CPU."""
        blocks = self.blocks()
        block = torch.empty(blocks[0].stop, len(self.rows), device=self.device)  # reused: new memory is slow
        found = [self.of(part, block).topk(k, dim=1, sorted=False) for part in blocks]
        return torch.cat([top.values.cpu() for top in found]), torch.cat([top.indices.cpu() for top in found])

    def row(self, position: int) -> Tensor:
        """Similarities of one candidate to all rows: (n,)."""
        return self.of(torch.tensor([position], device=self.device))[0]

    def blocks(self) -> list[slice]:
        """Slices of consecutive candidates: as many as the cache holds, or as a fast matrix product needs."""
        step = max(512 if self.matrix is None else 1, BLOCK[self.device.type] // len(self.rows))
        return split_range(len(self.candidates), step)


def split_range(count: int, step: int) -> list[slice]:
    """Consecutive slices of ``step`` that cover ``range(count)``; the last one may be smaller."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
