"""The similarities that can still count in facility location once part of the rows is covered."""

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor

from alrun.selection.points import TILE
from alrun.selection.similarity import Similarity, split_range

ENTRY = 8  # bytes of a similarity that is kept: its row and its value
CHUNK = 2**22  # entries that are processed together


class Uncovered:
    """The similarities above what is covered, by candidate.

    Coverage only grows, so the others can never count again, and gains stay exact. After k choices about one similarity
    in k is left, whereas a matrix would have to be read in full, or computed again, for each gain.
    """

    def __init__(self, counts: Tensor, rows: Tensor, values: Tensor) -> None:
        self.counts = counts  # (c,): how many of each candidate's similarities are left
        self.starts = counts.cumsum(0) - counts
        self.rows = rows  # int32, ordered by candidate like the values; there may be room behind them
        self.values = values

    @classmethod
    def among(cls, blocks: Iterable[Tensor], covered: Tensor, memory: float) -> "Uncovered | None":
        """From similarities (k, n) of consecutive candidates to all rows; None if they take over ``memory`` bytes."""
        room = int(memory // ENTRY)  # a CPU provides it only when it is written to
        rows = torch.empty(room, dtype=torch.int32, device=covered.device)
        values = torch.empty(room, dtype=covered.dtype, device=covered.device)
        counts, total = [], 0
        for block in blocks:
            candidate, row = (block > covered).nonzero(as_tuple=True)
            start, total = total, total + len(row)
            if total > room:
                return None
            rows[start:total] = row
            values[start:total] = block[candidate, row]
            counts.append(torch.bincount(candidate, minlength=len(block)))
        return cls(torch.cat(counts), rows, values)

    @classmethod
    def symmetric(
        cls, similarity: Similarity, covered: Tensor, cap: Tensor | None, memory: float
    ) -> "Uncovered | None":
        """``among``, where candidates and rows are the same points: each similarity is computed once for both."""
        points, room, found, written = similarity.rows, int(memory // ENTRY), 0, 0
        rows = torch.empty(room, dtype=torch.int32, device=covered.device)
        values = torch.empty(room, dtype=covered.dtype, device=covered.device)
        counts, tiles = [], split_range(len(points), TILE)
        waiting: list[list[tuple[Tensor, ...]]] = [[] for _ in tiles]  # of the candidates of each tile
        for number, own in enumerate(tiles):
            some = points.take(own)
            for other, others in enumerate(tiles[number:], number):
                block = similarity.kernel(some, points.take(others))
                sides = [(number, block, others), (other, block.T.contiguous(), own)]
                for tile, similar, to in sides if other > number else sides[:1]:
                    waiting[tile].append(above(similar if cap is None else similar.minimum(cap[to]), covered, to))
                    found += len(waiting[tile][-1][0])
                if found > room:
                    return None
            candidate, row, value = (torch.cat(parts) for parts in zip(*waiting[number], strict=True))
            waiting[number].clear()
            order = candidate.argsort(stable=True)  # their rows are in order, as the tiles were
            part = slice(written, written + len(order))
            rows[part], values[part], written = row[order], value[order], part.stop
            counts.append(torch.bincount(candidate, minlength=len(some)))
        return cls(torch.cat(counts), rows, values)

    def of(self, part: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """How many similarities each of some candidates has (k,), and their rows and values."""
        counts = self.counts[part]
        shift = self.starts[part] - (counts.cumsum(0) - counts)
        index = shift.repeat_interleave(counts)
        index += torch.arange(len(index), device=index.device)
        return counts, self.rows[index], self.values[index]

    def gains(self, part: Tensor | slice, covered: Tensor, weights: Tensor | None) -> Tensor:
        """How far each of some candidates raises ``covered``, weighted and summed over the rows: (k,)."""
        counts, rows, values = self.of(part)
        above = (values - covered[rows]).clamp_min_(0).double()  # summed in order
        if weights is not None:
            above *= weights[rows]
        return torch.segment_reduce(above, "sum", lengths=counts).to(values.dtype)

    def cover(self, position: int, covered: Tensor) -> None:
        """Raise ``covered`` (n,) in place to the similarities of the candidate at ``position``."""
        part = slice(int(self.starts[position]), int(self.starts[position] + self.counts[position]))
        rows = self.rows[part]
        covered[rows] = torch.maximum(covered[rows], self.values[part])

    def forget(self, covered: Tensor) -> None:
        """Drop similarities that no longer count now that more is ``covered``, without new memory for the rest."""
        ends, counts, total = self.counts.cumsum(0), [], 0
        marks = CHUNK * torch.arange(1, 1 + int(ends[-1]) // CHUNK, device=ends.device)
        cuts = {0, *torch.searchsorted(ends, marks).tolist(), len(ends)}
        for first, last in pairwise(sorted(cuts)):
            part = slice(int(self.starts[first]), int(ends[last - 1]))
            rows, values = self.rows[part], self.values[part]
            left = values > covered[rows]
            counts.append(torch.segment_reduce(left.float(), "sum", lengths=self.counts[first:last]).long())
            start, total = total, total + int(counts[-1].sum())
            self.rows[start:total] = rows[left]
            self.values[start:total] = values[left]
        self.counts = torch.cat(counts)
        self.starts = self.counts.cumsum(0) - self.counts


def above(block: Tensor, covered: Tensor, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
    """What in a ``block`` (k, m) of similarities to ``rows`` is above ``covered`` (n,): candidates, rows and values."""
    candidate, row = (block > covered[rows]).nonzero(as_tuple=True)
    return candidate.to(torch.int16), (row + rows.start).int(), block[candidate, row]  # small: half of them may wait
