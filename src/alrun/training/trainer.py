"""One round's training: epochs until a stop rule holds. It can stop after any step and resume in another process."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from alrun.data.augmentation import Augmentation
from alrun.models.classifier import Classifier, frozen
from alrun.pool.pool import Pool
from alrun.system import interruption, rng
from alrun.system.device import synchronize
from alrun.system.energy import Cost, meter
from alrun.system.errors import SettingError
from alrun.training.balance import Balance, class_factors, draw_balanced, log_shares
from alrun.training.cuda_graph import Passes
from alrun.training.engine import Engine
from alrun.training.keeper import Keeper
from alrun.training.optimizer import Descent, Optimization
from alrun.training.position import Position
from alrun.training.stop_rule import StopRule, TrainResult
from alrun.training.subsets.base import Epoch, Subset

RESTART_EVERY = 50  # epochs, as in the public notebooks


class Trainer:
    """Trains a model on the labeled examples of a pool.

    Args:
        optimization: Makes the optimizer and what goes with it.
        augmentation: Drawn for every image in every epoch.
        normalize: Bytes to floats.
        subset: What of the labeled set an epoch trains on.
        stop: When to stop.
        batch_size: Of the optimizer.
        chunk: Images in a forward pass without training.
        capture: Whether training passes are captured as CUDA graphs; ignored on a CPU.
        restart_below: At every 50th epoch, training starts over from new weights if its accuracy is below this share.
        balance: How rare classes are trained on, see alrun.training.balance.
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
        balance: Balance = "none",
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
        self.balance = balance

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
        ``keeper`` a stopped training resumes, with the same result as without the stop.

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
                        training.restart_below_threshold(fresh)
                    training.epoch()
                    progress(len(at.history), at.history[-1])
                    reason = self.stop.reason(at.history, training.descent.is_annealed)
            training.descent.finish(training.images())
        except torch.OutOfMemoryError as error:
            raise SettingError(
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
        shift = None
        if self.balance == "softmax":
            labels, head = pool.labels[pool.labeled.to(pool.device)], model.head
            shift = log_shares(labels, head.out_features).to(head.weight)
        return descent, Engine(self.passes, pool, descent, self.augmentation, self.normalize, self.batch_size, shift)


class RoundTraining:
    """Training of ``model`` in one round, from its beginning or from what ``keeper`` has of it.

    Args:
        trainer: Its settings.
        model: Trained in place.
        pool: Its labeled examples are trained on.
        seed: All randomness depends on it, the round and the epoch alone.
        round: Of the run.
        is_last_round: Of the run.
        keeper: Of checkpoints; None: training is not resumed, and signals stop it at once.
    """

    def __init__(
        self,
        trainer: Trainer,
        model: Classifier,
        pool: Pool,
        seed: int,
        round: int,
        is_last_round: bool,
        keeper: Keeper | None,
    ) -> None:
        self.trainer = trainer
        self.model = model
        self.pool = pool
        self.seed = seed
        self.round = round
        self.is_last_round = is_last_round
        self.keeper = keeper
        self.meter = meter(pool.device)
        self.started = self.meter.now()
        self.position = Position()
        self.noise: tuple[Tensor, Tensor | None] | None = None  # torch's random numbers in the middle of an epoch
        self.descent, self.engine = trainer.begin(model, pool)
        self.drawn: tuple[Tensor, Tensor] | None = None  # index and augmentation of the epoch
        content = keeper.load() if keeper else None
        if content is not None:
            self.resume(content)

    def restart_below_threshold(self, fresh: Callable[[], Classifier] | None) -> None:
        """At every 50th epoch, start over from ``fresh`` weights if accuracy is below the trainer's threshold."""
        at, epoch = self.position, len(self.position.history)
        is_low = epoch and epoch % RESTART_EVERY == 0 and at.history[-1] < self.trainer.restart_below
        if is_low and fresh is not None:
            rng.seed_globals(self.seed, "restart", self.round, epoch)
            self.model.load_state_dict(fresh().state_dict())
            self.descent, self.engine = self.trainer.begin(self.model, self.pool)
            at.restarts += 1

    def epoch(self) -> None:
        """Train for an epoch, or for the rest of one."""
        at = self.position
        index, parameters, weights = self.draw()
        self.drawn = index, parameters
        steps = self.engine.epoch(index, parameters, weights, at.taken, self.after_step)
        correct, loss = self.engine.read()
        self.refuse_diverged(loss)
        at.steps, at.taken = at.steps + steps, 0
        at.history.append(correct / len(index))
        self.descent.end_epoch(at.history[-1])

    def draw(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Shuffled indices of an epoch, augmentation parameters of each image (on the CPU), and factors of the losses.

        All depend on seed, round, epoch and model alone, and so do torch's global generators afterward (dropout).
        """
        at, number, device = self.position, len(self.position.history), self.pool.device
        if at.taken == 0 or at.choice is None:
            at.choice = self.trainer.subset.choose(self.about_epoch(number))
        choice = at.choice
        draws = rng.generator(self.seed, "train", self.round, number)
        rng.seed_globals(self.seed, "dropout", self.round, number)
        labels = self.pool.labels[choice.index.to(device)]
        if self.trainer.balance == "sampling":
            order = draw_balanced(labels, draws)
        else:
            order = torch.randperm(len(choice.index), generator=draws)
        parameters = self.trainer.augmentation.draw(len(order), draws)
        weights = choice.weights
        if self.trainer.balance == "weights":
            factors = class_factors(labels).float().cpu()
            weights = factors if weights is None else factors * weights
        weights = None if weights is None else weights[order].to(device)
        if self.noise is not None:  # in the middle of the epoch
            torch.set_rng_state(self.noise[0])
            if self.noise[1] is not None and device.type == "cuda":
                torch.cuda.set_rng_state(self.noise[1], device)
            self.noise = None
        return choice.index[order].to(device), parameters, weights

    def about_epoch(self, number: int) -> Epoch:
        """The epoch as subset selection sees it."""
        trainer = self.trainer
        return Epoch(
            number,
            self.round,
            self.is_last_round,
            self.model,
            self.pool,
            trainer.normalize,
            trainer.batch_size,
            trainer.chunk,
            rng.generator(self.seed, "dss", self.round, number),
            self.position.choice,
        )

    def images(self) -> Iterator[Tensor]:
        """Batches of the last epoch, augmented as in it."""
        assert self.drawn is not None
        return self.engine.images(*self.drawn)

    def refuse_diverged(self, loss: float) -> None:
        """Raise an error if ``loss`` is not finite."""
        if not math.isfinite(loss):
            rate = self.descent.optimizer.param_groups[0]["lr"]
            raise SettingError(
                f"the training loss is {loss} in round {self.round}, epoch {len(self.position.history) + 1}, at "
                f"learning rate {rate:g}: lower optimizer.lr. Earlier rounds are kept."
            )

    def after_step(self, taken: int) -> None:
        """Save if it is time to."""
        self.position.taken = taken
        if self.keeper is not None and self.keeper.is_due:
            self.refuse_diverged(float(self.engine.totals[1]))
            self.keeper.save(self.content())

    @property
    def spent(self) -> Cost:
        """What this training has cost until now, in all processes."""
        return self.position.before + (self.meter.now() - self.started)

    def content(self) -> dict[str, Any]:
        """All that ``resume`` needs, as plain values and tensors."""
        device = self.pool.device
        return {
            **self.position.content(self.spent),
            "totals": self.engine.totals,
            "noise": [torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None],
            "model": dict(self.model.state_dict()),
            "frozen": sorted(frozen(self.model)),
            "descent": self.descent.state_dict(),
        }

    def resume(self, content: dict[str, Any]) -> None:
        """Continue from ``content``, which an earlier process saved."""
        self.position = Position.from_content(content)
        self.model.load_state_dict(content["model"])
        self.descent.load_state_dict(content["descent"])
        self.engine.totals.copy_(content["totals"])
        self.noise = tuple(content["noise"])
