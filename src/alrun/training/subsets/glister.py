"""GLISTER: labeled examples that lower the loss of the whole labeled set most."""

from typing import Annotated

from annotated_types import Ge, Gt, Le
from torch import Tensor

from alrun.models.outputs import with_one
from alrun.selection.glister import Validation, glister
from alrun.selection.points import Outer
from alrun.training.subsets.base import Epoch, PeriodicSubset


class Glister(PeriodicSubset):
    """Gradient steps of the last layer that lower the loss of the whole labeled set, greedily.

    ``lr`` is the length of the steps. The look-ahead is updated after every ``refresh_every`` picks, by default after
    each hundredth of a selection.

    Source: Killamsetty et al., GLISTER: Generalization based Data Subset Selection for Efficient and Robust Learning,
    AAAI 2021 (GLISTER-ONLINE, the labeled set instead of a validation set).
    """

    def __init__(
        self,
        lr: Annotated[float, Ge(0)] = 0.01,
        refresh_every: Annotated[int, Ge(1)] | None = None,
        fraction: Annotated[float, Gt(0), Le(1)] = 0.3,
        every: Annotated[int, Ge(1)] = 35,
        full_every: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(fraction, every, full_every)
        self.lr = lr
        self.refresh_every = refresh_every

    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, None]:
        """Positions (size,) on the CPU, without weights."""
        outputs = epoch.outputs()
        points = Outer(outputs.gradient_at(epoch.labels).a, with_one(outputs.embedding))
        validation = [Validation(outputs.log_probs, with_one(outputs.embedding), epoch.labels)]
        every = max(1, size // 100) if self.refresh_every is None else self.refresh_every
        return glister(points, validation, size, self.lr, every), None
