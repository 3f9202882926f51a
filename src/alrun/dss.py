"""``dss=``: training on a chosen part of the labeled set (data subset selection)."""

from typing import Protocol

from torch import Tensor

from alrun.model import Classifier
from alrun.pool import Pool


class Subset(Protocol):
    """What the trainer asks at the start of every epoch."""

    def choose(self, model: Classifier, pool: Pool, round: int, epoch: int) -> Tensor:
        """Indices of the examples that this epoch trains on, on the CPU."""
        ...


class NoSubset:
    """The whole labeled set."""

    def choose(self, model: Classifier, pool: Pool, round: int, epoch: int) -> Tensor:
        """All labeled examples."""
        return pool.labeled
