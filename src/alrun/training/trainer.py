"""One round's training: epochs until a stop rule holds."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from alrun.data.augmentation import Augmentation
from alrun.models.classifier import Classifier
from alrun.pool.pool import Pool
from alrun.system import interruption
from alrun.system.device import synchronize
from alrun.system.errors import UserError
from alrun.training.checkpoint import Keeper
from alrun.training.cuda_graph import Passes
from alrun.training.engine import Engine
from alrun.training.optimizer import Descent, Optimization
from alrun.training.round_training import RoundTraining
from alrun.training.subsets.base import Subset


@dataclass(frozen=True)
class StopRule:
    """The paper's three reasons to stop (Section 4, and the public notebooks for the third)."""

    max_epochs: int
    accuracy: float | None  # running training accuracy that suffices, 0 to 1; None: none does
    patience: int | None  # epochs looked back on; None: a lack of gain is no reason
    min_gain: float  # accuracy

    def reason(self, history: Sequence[float], is_annealed: bool = False) -> str | None:
        """Why training stops after ``history`` (training accuracy of every epoch), or None to go on.

        After ``max_epochs`` it is ``schedule_end`` if the learning rate ``is_annealed`` by then, so that training ends
        as it was meant to, and ``max_epochs`` if it is cut short.
        ``no_gain`` holds when, of the last ``patience`` accuracies, no later one exceeds an earlier one by
        ``min_gain`` or more. A steady fall counts as no gain too.
        """
        if self.accuracy is not None and history[-1] >= self.accuracy:
            return "accuracy"
        if len(history) >= self.max_epochs:
            return "schedule_end" if is_annealed else "max_epochs"
        if self.patience is not None and len(history) >= self.patience:
            lowest = math.inf
            for value in history[-self.patience :]:
                # Accuracies are shares of a count: the sum of two may miss min_gain by round-off alone.
                if value - lowest >= self.min_gain - 1e-12:
                    return None
                lowest = min(lowest, value)
            return "no_gain"
        return None


@dataclass(frozen=True)
class TrainResult:
    """How a model was trained."""

    accuracy: float  # running training accuracy of the last epoch: augmented batches, train mode; NaN without epochs
    epochs: int
    steps: int
    stopped_by: str  # accuracy, no_gain, schedule_end or max_epochs; given: it was not trained here (first_model)
    seconds: float
    restarts: int = 0
    joules: float = math.nan  # NaN where the hardware does not tell


class Trainer:
    """Trains a model on the labeled examples of a pool.

    Args:
        optimization: Makes the optimizer and what goes with it.
        augmentation: Drawn anew for every image at every fetch.
        normalize: Bytes to floats.
        subset: What of the labeled set an epoch trains on.
        stop: When to stop.
        batch_size: Of the optimizer.
        chunk: Images in a forward pass without training.
        capture: Whether training passes are captured as CUDA graphs; ignored on a CPU.
        restart_below: At every 50th epoch, training begins anew from new weights if its accuracy is below that share.
    """

    def __init__(
        self,
        optimization: Optimization,
        augmentation: Augmentation,
        normalize: Callable[[Tensor], Tensor],
        subset: Subset,
        stop: StopRule,
        batch_size: int,
        chunk: int,
        capture: bool = False,
        restart_below: float = 0.0,
    ) -> None:
        self.optimization = optimization
        self.augmentation = augmentation
        self.normalize = normalize
        self.subset = subset
        self.stop = stop
        self.batch_size = batch_size
        self.chunk = chunk
        self.capture = capture
        self.passes: Passes | None = None
        self.restart_below = restart_below

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
        """Train ``model`` in place.

        ``progress(epoch, accuracy)`` is called after every epoch; ``fresh`` makes the weights for a restart. With a
        ``keeper`` training goes on where it was stopped, with the same result as if it had not been.

        Raises:
            UserError: The loss is not finite, or the GPU's memory does not suffice.
        """
        training = RoundTraining(self, model, pool, seed, round, is_last_round, keeper)
        at = training.position
        for epoch, accuracy in enumerate(at.history, 1):
            progress(epoch, accuracy)
        model.train()
        reason = None
        try:
            with interruption.deferred() if keeper else nullcontext():  # until a step is taken and saved
                while reason is None:
                    if at.taken == 0:
                        training.restart_if_hopeless(fresh)
                    training.epoch()
                    progress(len(at.history), at.history[-1])
                    reason = self.stop.reason(at.history, training.descent.is_annealed)
            training.descent.finish(training.images())
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"training.batch_size={self.batch_size}: the device's memory is full in round {round}; lower it, take "
                "a smaller model or set runtime.device=cpu. What was computed before is kept."
            ) from error
        synchronize(pool.device)
        spent = training.spent
        return TrainResult(at.history[-1], len(at.history), at.steps, reason, spent.seconds, at.restarts, spent.joules)

    def begin(self, model: Classifier, pool: Pool) -> tuple[Descent, Engine]:
        """A new optimizer for ``model``, and what takes its steps."""
        if self.passes is None or self.passes.model is not model:  # else what was captured is still valid
            self.passes = Passes(model, self.batch_size, self.capture and pool.device.type == "cuda")
        descent = Descent(self.optimization, model)
        return descent, Engine(self.passes, pool, descent, self.augmentation, self.normalize, self.batch_size)
