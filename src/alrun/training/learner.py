"""The interface of what trains the model of a round."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.training.keeper import Keeper
from alrun.training.stop_rule import TrainResult


class Learner(Protocol):
    """Trains a model on the labeled examples of a pool: ``Trainer`` in epochs, ``Convex`` to an optimum."""

    normalize: Callable[[Tensor], Tensor]  # examples of the pool to the floats that a model reads
    chunk: int  # examples in a forward pass without training

    def fit(
        self,
        model: Classifier,
        pool: Pool,
        seed: int,
        round: int,
        progress: Callable[[int, float], None],
        fresh: Callable[[], Classifier] | None = None,
        is_last_round: bool = False,
        keeper: Keeper | None = None,
    ) -> TrainResult:
        """Train ``model`` in place, from the weights that it has; see ``Trainer.fit``."""
        ...
