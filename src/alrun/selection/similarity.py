"""Similarities of points, held as a matrix where memory allows it and computed anew where not."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.selection.points import BLOCK, Points, rows, sqdist

Kernel = Callable[[Points, Points], Tensor]  # n and m points to (n, m)


def cosine(points: Points, other: Points) -> Tensor:
    """(1 + cos) / 2, from 0 to 1, of points of length 1 (``Points.normalized``)."""
    return points.inner(other).add_(1).mul_(0.5)


def gaussian(bandwidth: float) -> Kernel:
    """The kernel exp(-|x - y|² / bandwidth²)."""
    return lambda points, other: sqdist(points, other).mul_(-1 / bandwidth**2).exp_()


class Similarity:
    """Similarities of candidates to rows.

    Args:
        candidates: What can be chosen, c points.
        rows: What is to be represented, n points.
        kernel: Similarity of two sets of points.
        memory: Bytes that the whole (c, n) matrix may take; a larger one is computed anew part by part.
    """

    def __init__(self, candidates: Points, rows: Points, kernel: Kernel, memory: float) -> None:
        self.candidates = candidates
        self.rows = rows
        self.kernel = kernel
        self.matrix: Tensor | None = None
        if 4.0 * len(candidates) * len(rows) <= memory:
            self.matrix = torch.empty(len(candidates), len(rows), device=self.device)
            for part in self.blocks():
                # Among the same points every similarity is computed once and written twice.
                start = part.start if rows is candidates else 0
                block = kernel(candidates.take(part), rows.take(slice(start, None)))
                self.matrix[part, start:] = block
                if rows is candidates:
                    self.matrix[part.stop :, part] = block[:, part.stop - part.start :].T

    @property
    def device(self) -> torch.device:
        """Where the points lie."""
        return self.rows.sqnorm.device

    def of(self, part: Tensor | slice) -> Tensor:
        """Similarities of some candidates to all rows: (k, n); a tensor that the caller may change."""
        if self.matrix is None:
            return self.kernel(self.candidates.take(part), self.rows)
        return self.matrix[part].clone() if isinstance(part, slice) else rows(self.matrix, part)

    def row(self, position: int) -> Tensor:
        """Similarities of one candidate to all rows: (n,)."""
        return self.of(torch.tensor([position], device=self.device))[0]

    def blocks(self) -> list[slice]:
        """Consecutive candidates, as many as a matrix product needs to be fast."""
        step = max(512, BLOCK[self.device.type] // len(self.rows))
        return parts(len(self.candidates), step)


def parts(count: int, step: int) -> list[slice]:
    """``count`` things in consecutive parts of ``step``, the last one smaller."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
