"""One round's training: epochs until a stop rule holds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from alrun import rng
from alrun.augment import Augmentation
from alrun.device import synchronize
from alrun.dss.base import Epoch, Subset
from alrun.engine import Engine
from alrun.errors import UserError
from alrun.graph import Passes
from alrun.model import Classifier
from alrun.optimization import Descent, Optimization
from alrun.pool import Pool


@dataclass(frozen=True)
class StopRule:
    """The paper's three reasons to stop (Section 4, and the public notebooks for the third)."""

    max_epochs: int
    accuracy: float | None  # running training accuracy that suffices, 0 to 1; None: none does
    patience: int | None  # epochs looked back on; None: a lack of gain is no reason
    min_gain: float  # accuracy

    def reason(self, history: Sequence[float]) -> str | None:
        """Why training stops after ``history`` (training accuracy of every epoch), or None to go on.

        ``no_gain`` holds when, of the last ``patience`` accuracies, no later one exceeds an earlier one by
        ``min_gain`` or more. A steady fall counts as no gain too.
        """
        if self.accuracy is not None and history[-1] >= self.accuracy:
            return "accuracy"
        if len(history) >= self.max_epochs:
            return "max_epochs"
        if self.patience is not None and len(history) >= self.patience:
            lowest = math.inf
            for value in history[-self.patience :]:
                # Accuracies are shares of a count: the sum of two may miss min_gain by round-off alone.
                if value - lowest >= self.min_gain - 1e-12:
                    return None
                lowest = min(lowest, value)
            return "no_gain"
        return None


RESTART_EVERY = 50  # epochs, as in the public notebooks


@dataclass(frozen=True)
class TrainResult:
    """How a model was trained."""

    accuracy: float  # running training accuracy of the last epoch: augmented batches, train mode
    epochs: int
    steps: int
    stopped_by: str  # accuracy, max_epochs or no_gain
    seconds: float
    restarts: int = 0


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
    ) -> TrainResult:
        """Train ``model`` in place.

        ``progress(epoch, accuracy)`` is called after every epoch; ``fresh`` makes the weights for a restart.

        Raises:
            UserError: The loss is not finite.
        """
        device = pool.images.device
        started = perf_counter()
        descent, engine = self.begin(model, pool)
        history: list[float] = []
        steps, restarts = 0, 0
        model.train()
        while True:
            epoch = len(history)
            if history and epoch % RESTART_EVERY == 0 and history[-1] < self.restart_below and fresh is not None:
                rng.seed_globals(seed, "restart", round, epoch)
                model.load_state_dict(fresh().state_dict())
                descent, engine = self.begin(model, pool)
                restarts += 1
            when = Epoch(
                epoch,
                round,
                is_last_round,
                model,
                pool,
                self.normalize,
                self.batch_size,
                self.chunk,
                rng.generator(seed, "dss", round, epoch),
            )
            index, parameters, weights = self.draw(when, seed)
            steps += engine.epoch(index, parameters, weights)
            correct, loss = engine.read()
            if not math.isfinite(loss):
                rate = descent.optimizer.param_groups[0]["lr"]
                raise UserError(
                    f"the training loss is {loss} in round {round}, epoch {epoch + 1}, at learning rate {rate:g}: "
                    "lower optimizer.lr. Earlier rounds are kept."
                )
            history.append(correct / len(index))
            descent.end_epoch(history[-1])
            progress(len(history), history[-1])
            reason = self.stop.reason(history)
            if reason:
                break
        descent.finish(engine.images(index, parameters))
        synchronize(device)
        return TrainResult(history[-1], len(history), steps, reason, perf_counter() - started, restarts)

    def begin(self, model: Classifier, pool: Pool) -> tuple[Descent, Engine]:
        """A new optimizer for ``model``, and what takes its steps."""
        if self.passes is None or self.passes.model is not model:  # else what was captured is still valid
            self.passes = Passes(model, self.batch_size, self.capture and pool.images.is_cuda)
        descent = Descent(self.optimization, model)
        return descent, Engine(self.passes, pool, descent, self.augmentation, self.normalize, self.batch_size)

    def draw(self, epoch: Epoch, seed: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """What an epoch trains on, shuffled, how each image is altered (on the CPU) and how it is weighed.

        All depend on seed, round, epoch and model alone, and so do torch's global generators afterwards (dropout).
        """
        choice, device = self.subset.choose(epoch), epoch.pool.images.device
        draws = rng.generator(seed, "train", epoch.round, epoch.number)
        rng.seed_globals(seed, "dropout", epoch.round, epoch.number)
        order = torch.randperm(len(choice.index), generator=draws)
        parameters = self.augmentation.draw(len(order), draws)
        weights = None if choice.weights is None else choice.weights[order].to(device)
        return choice.index[order].to(device), parameters, weights
