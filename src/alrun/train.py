"""One round's training: epochs until a stop rule holds."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from alrun import rng
from alrun.augment import Augmentation
from alrun.device import synchronize
from alrun.dss import Subset
from alrun.engine import EagerEngine
from alrun.errors import UserError
from alrun.model import Classifier
from alrun.optimization import Descent, Optimization
from alrun.pool import Pool


@dataclass(frozen=True)
class StopRule:
    """The paper's three reasons to stop (Section 4, and the public notebooks for the third)."""

    max_epochs: int
    accuracy: float  # running training accuracy that suffices, 0 to 1
    patience: int  # epochs looked back on
    min_gain: float  # accuracy

    def reason(self, history: Sequence[float]) -> str | None:
        """Why training stops after ``history`` (training accuracy of every epoch), or None to go on.

        ``no_gain`` holds when, of the last ``patience`` accuracies, no later one exceeds an earlier one by
        ``min_gain`` or more. A steady fall counts as no gain too.
        """
        if history[-1] >= self.accuracy:
            return "accuracy"
        if len(history) >= self.max_epochs:
            return "max_epochs"
        if len(history) >= self.patience:
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
        batch_size: The last, smaller batch of an epoch is kept; a single left-over example joins the batch before
            it, since batch norm cannot train on one.
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
        restart_below: float = 0.0,
    ) -> None:
        self.optimization = optimization
        self.augmentation = augmentation
        self.normalize = normalize
        self.subset = subset
        self.stop = stop
        self.batch_size = batch_size
        self.restart_below = restart_below

    def fit(
        self,
        model: Classifier,
        pool: Pool,
        seed: int,
        round: int,
        progress: Callable[[int, float], None],
        fresh: Callable[[], Classifier] | None = None,
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
        steps, restarts, reason = 0, 0, None
        model.train()
        while reason is None:
            epoch = len(history)
            if history and epoch % RESTART_EVERY == 0 and history[-1] < self.restart_below and fresh is not None:
                rng.seed_globals(seed, "restart", round, epoch)
                model.load_state_dict(fresh().state_dict())
                descent, engine = self.begin(model, pool)
                restarts += 1
            index, parameters = self.draw(model, pool, seed, round, epoch)
            for batch in batches(len(index), self.batch_size):
                engine.step(index[batch], parameters[batch])
                steps += 1
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
        descent.finish(self.images(engine, model, pool, seed, round, len(history)))
        synchronize(device)
        return TrainResult(history[-1], len(history), steps, reason, perf_counter() - started, restarts)

    def begin(self, model: Classifier, pool: Pool) -> tuple[Descent, EagerEngine]:
        """A new optimizer for ``model``, and what takes its steps."""
        descent = Descent(self.optimization, model)
        return descent, EagerEngine(model, pool, descent.optimizer, self.augmentation, self.normalize)

    def images(
        self, engine: EagerEngine, model: Classifier, pool: Pool, seed: int, round: int, epoch: int
    ) -> Iterator[Tensor]:
        """The altered and normalised images of an epoch, batch by batch."""
        index, parameters = self.draw(model, pool, seed, round, epoch)
        for batch in batches(len(index), self.batch_size):
            yield engine.images(index[batch], parameters[batch])

    def draw(self, model: Classifier, pool: Pool, seed: int, round: int, epoch: int) -> tuple[Tensor, Tensor]:
        """What an epoch trains on, shuffled, and how each image is altered, on the pool's device.

        Both depend on seed, round and epoch alone, and so do torch's global generators afterwards (dropout).
        """
        index = self.subset.choose(model, pool, round, epoch)
        draws = rng.generator(seed, "train", round, epoch)
        rng.seed_globals(seed, "dropout", round, epoch)
        index = index[torch.randperm(len(index), generator=draws)]
        parameters = self.augmentation.draw(len(index), draws)
        return index.to(pool.images.device), parameters.to(pool.images.device)


def batches(count: int, size: int) -> list[slice]:
    """Consecutive slices of ``size``, the last one smaller; never a last one of a single example (unless alone)."""
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], count], strict=True)]
