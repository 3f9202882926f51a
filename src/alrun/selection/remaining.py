"""What of the similarities can still count in facility location, once a few dozen candidates are chosen."""

from collections.abc import Iterable

import torch
from torch import Tensor

ENTRY = 16  # bytes of a similarity that is kept: its row and value, twice while the parts are joined


class Remaining:
    """The similarities above what is covered, by candidate.

    Coverage only grows, so the others count for nothing from now on, and gains stay exact. After k choices about one in
    k is left, where a matrix would have to be read in full for each gain.
    """

    def __init__(self, counts: Tensor, rows: Tensor, values: Tensor) -> None:
        self.counts = counts  # (c,): how many of each candidate's similarities are left
        self.starts = counts.cumsum(0) - counts
        self.rows = rows  # int32, candidate after candidate, as are the values
        self.values = values

    @classmethod
    def among(cls, blocks: Iterable[Tensor], covered: Tensor, memory: float) -> "Remaining | None":
        """Of the similarities of consecutive candidates to all rows, (k, n) each; None if they take over ``memory``."""
        counts, rows, values, total = [], [], [], 0
        for block in blocks:
            above = block > covered
            candidate, row = above.nonzero(as_tuple=True)
            total += len(row)
            if ENTRY * total > memory:
                return None
            counts.append(above.sum(1))
            rows.append(row.int())
            values.append(block[candidate, row])
        return cls(torch.cat(counts), torch.cat(rows), torch.cat(values))

    def of(self, part: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """Of some candidates: how many each has (k,), and all their rows and values."""
        counts = self.counts[part]
        shift = self.starts[part] - (counts.cumsum(0) - counts)
        index = shift.repeat_interleave(counts)
        index += torch.arange(len(index), device=index.device)
        return counts, self.rows[index], self.values[index]

    def gains(self, part: Tensor | slice, covered: Tensor, weights: Tensor | None) -> Tensor:
        """How far each of some candidates lifts all rows above ``covered``, weighted: (k,)."""
        counts, rows, values = self.of(part)
        above = (values - covered[rows]).clamp_min_(0).double()  # summed one after the other
        if weights is not None:
            above *= weights[rows]
        return torch.segment_reduce(above, "sum", lengths=counts).to(values.dtype)

    def cover(self, position: int, covered: Tensor) -> None:
        """Raise ``covered`` to what a candidate reaches."""
        part = slice(int(self.starts[position]), int(self.starts[position] + self.counts[position]))
        rows = self.rows[part]
        covered[rows] = torch.maximum(covered[rows], self.values[part])

    def above(self, covered: Tensor) -> "Remaining":
        """What is left now that more is ``covered``."""
        left = self.values > covered[self.rows]
        counts = torch.segment_reduce(left.float(), "sum", lengths=self.counts).long()
        return Remaining(counts, self.rows[left], self.values[left])
