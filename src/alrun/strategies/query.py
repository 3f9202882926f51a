"""What a strategy is asked, made in one way for runs, checks and tests; and what its answer must be."""

import copy
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alrun.models import infer
from alrun.models.classifier import Classifier, evaluation
from alrun.models.outputs import Needs, Outputs
from alrun.pool.pool import Pool
from alrun.settings import targets
from alrun.system import rng
from alrun.system.device import Stopwatch
from alrun.system.errors import SettingError, StrategyError, UserError, first_line, located
from alrun.training.stop_rule import TrainResult
from alrun.training.trainer import Trainer


@dataclass(frozen=True)
class Query:
    """Everything a strategy may look at when it chooses."""

    size: int  # labels to ask for
    unlabeled: Outputs
    labeled: Outputs  # the labeled set in order of purchase; its index always, its outputs where needs declares them
    rng: torch.Generator  # on the CPU
    pool: Pool  # a copy whose labels are -1 where they are not bought
    model: Classifier
    trained: TrainResult
    normalize: Callable[[Tensor], Tensor]
    chunk: int  # images in a forward pass
    training: Stopwatch  # a strategy that trains something does it in ``with query.training:``, counted as training
    fit: Callable[[Tensor], Classifier]  # a model as the run's, from new weights, on labeled examples (k,) of the pool

    @property
    def labels(self) -> Tensor:
        """Classes of ``query.labeled``: (m,)."""
        return self.labels_of(self.labeled.index)

    def labels_of(self, index: Tensor) -> Tensor:
        """Classes of the pool's examples at ``index`` (k,), -1 where they are not bought."""
        return self.pool.labels[index.to(self.pool.labels.device)]

    def images(self, positions: Tensor) -> Tensor:
        """Normalized images of ``query.unlabeled`` at ``positions``: (k, C, H, W) floats."""
        return self.pool_images(self.unlabeled.index[positions])

    def pool_images(self, index: Tensor) -> Tensor:
        """Normalized ``pool.images`` at ``index``: (k, C, H, W) floats."""
        return self.normalize(self.pool.take(index))

    def evaluating(self) -> AbstractContextManager[None]:
        """Batch norm and dropout as in use, no gradients; the model's modes are put back afterward."""
        return evaluation(self.model)

    def batches(self) -> Iterator[Tensor]:
        """Normalized images of ``query.unlabeled`` in order, ``chunk`` at a time."""
        for positions in torch.arange(len(self.unlabeled)).split(self.chunk):
            yield self.images(positions)


def build_query(
    needs: Needs,
    size: int,
    pool: Pool,
    model: Classifier,
    trained: TrainResult,
    trainer: Trainer,
    fresh: Callable[[], Classifier],
    seed: int,
    round: int,
    training: Stopwatch,
    passed: Callable[[int], object] = lambda examples: None,
) -> Query:
    """Ask for ``size`` labels after ``round``, with the outputs that ``needs`` declares, from a pass over ``pool``.

    ``query.rng``, the dropout masks of the pass, and torch's global generators as the strategy finds them depend on
    ``seed`` and ``round``, each in a stream of its own: none depends on how much the others drew.

    Args:
        needs: Of the strategy.
        size: Labels to ask for.
        pool: With its labeled set.
        model: Trained on it.
        trained: How.
        trainer: That trained it.
        fresh: Makes a model with new weights, from torch's global generators.
        seed: Of the run.
        round: The last one.
        training: Times what the strategy trains.
        passed: Is told the size of every chunk that is through.
    """

    def outputs(index: Tensor) -> Outputs:
        return infer.record(model, pool.images, index, needs, trainer.normalize, trainer.chunk, passed)

    def fit(index: Tensor) -> Classifier:
        other = copy.deepcopy(model)  # where and how the model lies in memory
        with rng.kept(pool.device):
            rng.seed_globals(seed, "fit: weights", round)
            other.load_state_dict(fresh().state_dict())
            part = replace(pool, labeled=index)
            trainer.fit(other, part, rng.derive(seed, "fit"), round, lambda epoch, accuracy: None, fresh)
        return other

    rng.seed_globals(seed, "masks", round)
    unlabeled = outputs(pool.unlabeled)
    labeled = outputs(pool.labeled) if needs.labeled else Outputs(pool.labeled)
    rng.seed_globals(seed, "strategy", round)
    return Query(
        size=size,
        unlabeled=unlabeled,
        labeled=labeled,
        rng=rng.generator(seed, "select", round),
        pool=hide_labels(pool),
        model=model,
        trained=trained,
        normalize=trainer.normalize,
        chunk=trainer.chunk,
        training=training,
        fit=fit,
    )


def hide_labels(pool: Pool) -> Pool:
    """``pool`` with the labels of its labeled set alone, -1 elsewhere: a simulation knows more than a strategy may."""
    labeled = pool.labeled.to(pool.labels.device)
    return replace(pool, labels=torch.full_like(pool.labels, -1).index_copy_(0, labeled, pool.labels[labeled]))


def check_supply(available: int, size: int, round: int) -> None:
    """Refuse to buy ``size`` of fewer examples: a cap or a data set can leave less than the budget asks for.

    Raises:
        UserError: Too few are ``available``.
    """
    if available < size:
        raise SettingError(
            f"budget.batch_size={size}, but only {available} examples may still be bought after round {round}: "
            "lower budget.batch_size or budget.total, or raise the cap. Earlier rounds are kept."
        )


@contextmanager
def naming_strategy(name: str, round: int) -> Iterator[None]:
    """Name strategy and round in what goes wrong while a strategy chooses.

    Raises:
        StrategyError: Code that the user lists (``allow=``) raised an error, which is its cause. One of alrun's own
            strategies stays as it is: that is a mistake in alrun.
    """
    with located(f"strategy={name}, after round {round}"):
        try:
            yield
        except (UserError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if went_through_users_code(error):
                raise StrategyError(
                    f"its code raised {type(error).__name__} ({first_line(error)}): fix it, and the same command "
                    "goes on from there. Earlier rounds are kept."
                ) from error
            error.add_note(f"This was raised while strategy={name} chose after round {round}. Earlier rounds are kept.")
            raise


def went_through_users_code(error: BaseException) -> bool:
    """Whether a function of a module that the user lists raised ``error``, or called what did."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(targets.is_listed(str(frame.f_globals.get("__name__"))) for frame in frames)


def check_selection(positions: Any, size: int, available: int, name: str, round: int) -> torch.Tensor:
    """What a strategy returned, on the CPU, if it can be bought: ``size`` distinct positions below ``available``.

    Raises:
        UserError: It cannot.
    """
    if problem := selection_problem(positions, size, available):
        raise StrategyError(f"strategy={name} returned {problem} in round {round}: fix select().")
    return positions.cpu()


def selection_problem(positions: Any, size: int, available: int) -> str | None:
    """Why ``positions`` are no choice of ``size`` out of ``available`` examples, None if they are one."""
    if not isinstance(positions, torch.Tensor):
        return f"a {type(positions).__name__}, not a torch tensor"
    if positions.ndim != 1 or positions.dtype != torch.int64:
        return f"a tensor of {positions.dtype} and shape {tuple(positions.shape)}, not of int64 and one dimension"
    if len(positions) != size:
        return f"{len(positions)} positions, {size} were asked for"
    if (distinct := len(positions.unique())) < size:
        return f"only {distinct} distinct positions among {size}"
    if size and not 0 <= int(positions.min()) <= int(positions.max()) < available:
        return (
            f"positions outside 0..{available - 1} (they count in query.unlabeled, which holds no labeled example; "
            "indices into the pool are another thing)"
        )
    return None
