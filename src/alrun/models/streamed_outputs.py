"""Outputs of a model that memory does not hold together: they are computed again, part by part, when they are read."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from alrun.models.outputs import Needs, Outputs, Tensors
from alrun.selection.points import Dense, Outer
from alrun.selection.streamed import Streamed

Passed = Callable[[int], object]
# Outputs that a strategy declared for examples at an index into the pool (k,), from a pass over these.
Read = Callable[[Tensor, Needs, Passed], Outputs]


def unnoticed(examples: int) -> None:
    """Say nothing of a pass."""


class StreamedOutputs(Outputs):
    """Outputs of n examples for strategies that read them part by part, or as points.

    Args:
        index: Of the examples in the pool (n,).
        needs: Outputs that the strategy declared.
        read: Computes some of them.
        rows: Examples in a part.
        passed: Called by ``read`` with the size of every chunk after its pass, if it is a part of all.
    """

    def __init__(
        self,
        index: Tensor,
        needs: Needs,
        read: Read,
        rows: int,
        passed: Passed = unnoticed,
    ) -> None:
        super().__init__(index)
        self.needs = needs
        self.read = read
        self.rows = rows
        self.passed = passed

    def _get(self, field: str, need: str) -> Tensor:
        raise RuntimeError(f"outputs are streamed: outputs.{field} of all {len(self)} examples are not in memory")

    def take(self, positions: Tensor) -> Outputs:
        """The declared outputs for some of the examples, in memory."""
        return self.some(positions, self.needs)

    def parts(self) -> Iterator[Outputs]:
        """The declared outputs of ``rows`` consecutive examples after the other."""
        for start in range(0, len(self), self.rows):
            yield self.some(slice(start, min(start + self.rows, len(self))), self.needs)

    def collected(self, make: Callable[[Outputs], Tensors]) -> Tensors:
        """As of ``Outputs``, from one pass: what ``make`` does not return of a part is not kept."""
        whole: list[Tensor] = []  # allocated once: joining parts would take twice the memory
        start = 0
        for part in self.parts():
            stop = start + len(part)
            for number, rows in enumerate(make(part)):
                if not start:
                    whole.append(rows.new_empty(len(self), *rows.shape[1:]))
                whole[number][start:stop] = rows
            start = stop
        return tuple(whole)

    @property
    def points(self) -> Streamed[Dense]:
        """Embeddings."""
        needs = Needs(embedding=True)
        return Streamed(len(self), lambda index: Dense(self.some(index, needs).embedding), self.rows)

    @property
    def gradient(self) -> Streamed[Outer]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As of ``Outputs``."""
        needs = Needs(gradient=True)
        return Streamed(len(self), lambda index: self.some(index, needs).gradient, self.rows)  # pyright: ignore

    def some(self, positions: Tensor | slice, needs: Needs) -> Outputs:
        """Outputs of some of the examples. They are read in ascending order, as a disk does fastest."""
        if isinstance(positions, slice):
            return self.read(self.index[positions], needs, self.passed)
        order = positions.cpu().argsort(stable=True)
        outputs = self.read(self.index[positions.cpu()[order]], needs, unnoticed)
        return outputs.take(torch.empty_like(order).scatter_(0, order, torch.arange(len(order))))
