"""The query that a strategy answers, built in one place for runs, checks and tests; and the checks of its answer."""

import copy
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alrun.data.mapping import give_back
from alrun.models import infer
from alrun.models.classifier import Classifier, evaluation
from alrun.models.outputs import Needs, Outputs
from alrun.models.streamed_outputs import Passed, StreamedOutputs, unnoticed
from alrun.pool.pool import Pool
from alrun.settings import targets
from alrun.strategies.detector import train_detector
from alrun.system import rng
from alrun.system.device import Stopwatch
from alrun.system.errors import SettingError, StrategyError, UserError, first_line, located
from alrun.training.learner import Learner
from alrun.training.stop_rule import TrainResult


@dataclass(frozen=True)
class Query:
    """Everything a strategy may look at when it chooses."""

    size: int  # labels to ask for
    unlabeled: Outputs
    labeled: Outputs  # in the order of labeling; the index always, outputs if needs declares them
    strangers: Outputs  # queried examples that belong to no class, likewise
    rng: torch.Generator  # on the CPU
    pool: Pool  # a copy; labels are -1 for examples that were not queried
    model: Classifier
    trained: TrainResult
    normalize: Callable[[Tensor], Tensor]
    chunk: int  # images in a forward pass
    training: Stopwatch  # a strategy that trains something does it in ``with query.training:``, counted as training
    fit: Callable[[Tensor], Classifier]  # a model as the run's, from new weights, on labeled examples (k,) of the pool
    detector: Callable[[float], Classifier]  # one with an output for strangers, by a temperature: see detector.py
    # For oracles alone: test accuracy of a model trained on the labeled set and these examples (k,) of the pool.
    accuracy_with: Callable[[Tensor], float] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is about all unlabeled and all labeled examples of the pool, not a part of them."""
        return self.unlabeled.index.equal(self.pool.unlabeled) and self.labeled.index.equal(self.pool.labeled)

    @property
    def labels(self) -> Tensor:
        """Classes of ``query.labeled``: (m,)."""
        return self.labels_of(self.labeled.index)

    def labels_of(self, index: Tensor) -> Tensor:
        """Classes of the pool's examples at ``index`` (k,), -1 for those that are not labeled: (k,) int64."""
        return self.pool.labels[index.to(self.pool.labels.device)]

    def images(self, positions: Tensor) -> Tensor:
        """Normalized images of ``query.unlabeled`` at ``positions`` (k,): (k, C, H, W) floats."""
        return self.pool_images(self.unlabeled.index[positions])

    def pool_images(self, index: Tensor) -> Tensor:
        """Normalized ``pool.images`` at ``index`` (k,): (k, C, H, W) floats."""
        return self.normalize(self.pool.take(index))

    def evaluating(self) -> AbstractContextManager[None]:
        """Evaluation mode without gradients; afterward the model's modes are as before."""
        return evaluation(self.model)

    def batches(self) -> Iterator[Tensor]:
        """Normalized images of ``query.unlabeled`` in order, ``chunk`` at a time: (B, C, H, W) floats."""
        for positions in torch.arange(len(self.unlabeled)).split(self.chunk):
            yield self.images(positions)


def build_query(
    needs: Needs,
    size: int,
    pool: Pool,
    model: Classifier,
    trained: TrainResult,
    trainer: Learner,
    fresh: Callable[[], Classifier],
    seed: int,
    round: int,
    training: Stopwatch,
    passed: Passed = unnoticed,
    streamed: int | None = None,
    among: Tensor | Outputs | None = None,
) -> Query:
    """Build the query for ``size`` labels after ``round``: pass over ``pool`` for the outputs that ``needs`` declares.

    ``query.rng``, the dropout masks of the pass, and the state of torch's global generators for the strategy depend on
    ``seed`` and ``round``, each in a stream of its own: none depends on how much the others drew.

    Args:
        needs: Outputs that the strategy reads.
        size: Labels to ask for.
        pool: The pool with its labeled set.
        model: Trained on the labeled set.
        trained: How it was trained.
        trainer: What trained it.
        fresh: Makes a model with new weights, from torch's global generators.
        seed: Of the run.
        round: The last one.
        training: Times what the strategy trains.
        passed: Called with the size of every chunk after its pass.
        streamed: Unlabeled examples whose outputs are in memory together; None: all, from one pass.
        among: The unlabeled examples (n,) that it is about, or outputs for them from an earlier pass; None: all.
    """

    def read(index: Tensor, needs: Needs, passed: Passed) -> Outputs:
        def forgotten(count: int) -> None:
            give_back(pool.mapped)  # after every chunk: a row far from all others brings its neighbors, up to 64 kB
            passed(count)

        return infer.record(model, pool.images, index, needs, trainer.normalize, trainer.chunk, forgotten)

    def outputs(index: Tensor) -> Outputs:
        return infer.record(model, pool.images, index, needs, trainer.normalize, trainer.chunk, passed)

    def fit(index: Tensor) -> Classifier:
        other = copy.deepcopy(model)  # on the same device, in the same memory format
        with rng.kept(pool.device):
            rng.seed_globals(seed, "fit: weights", round)
            other.load_state_dict(fresh().state_dict())
            part = replace(pool, labeled=index)
            trainer.fit(other, part, rng.derive(seed, "fit"), round, lambda epoch, accuracy: None, fresh)
        return other

    def detector(temperature: float) -> Classifier:
        with rng.kept(pool.device):
            rng.seed_globals(seed, "detector: weights", round)
            return train_detector(model, fresh, trainer, pool, temperature, rng.derive(seed, "detector"), round)

    if isinstance(among, Outputs):
        unlabeled = among
    elif among is not None:
        rng.seed_globals(seed, "masks", round, int(among[0]))  # masks of a part depend on no other part
        unlabeled = outputs(among)
    else:
        rng.seed_globals(seed, "masks", round)
        unlabeled = (
            outputs(pool.unlabeled)
            if streamed is None
            else StreamedOutputs(pool.unlabeled, needs, read, streamed, passed)
        )
    labeled = outputs(pool.labeled) if needs.labeled else Outputs(pool.labeled)
    strangers = outputs(pool.strangers) if needs.strangers else Outputs(pool.strangers)
    rng.seed_globals(seed, "strategy", round)
    return Query(
        size=size,
        unlabeled=unlabeled,
        labeled=labeled,
        strangers=strangers,
        rng=rng.generator(seed, "select", round),
        pool=hide_labels(pool),
        model=model,
        trained=trained,
        normalize=trainer.normalize,
        chunk=trainer.chunk,
        training=training,
        fit=fit,
        detector=detector,
    )


def hide_labels(pool: Pool) -> Pool:
    """``pool`` with the answers to what was queried, -1 elsewhere: a strategy sees neither the others nor the truth."""
    queried = pool.queried.to(pool.labels.device)
    answers = torch.full_like(pool.labels, -1).index_copy_(0, queried, pool.labels[queried])
    return replace(pool, labels=answers, truth=answers)


def check_supply(available: int, size: int, round: int) -> None:
    """Refuse to query more examples than there are: a cap or a data set can leave fewer than the budget asks for.

    Raises:
        UserError: Too few are ``available``.
    """
    if available < size:
        raise SettingError(
            f"budget.batch_size={size}, but only {available} examples may still be labeled after round {round}: "
            "lower budget.batch_size or budget.total, or raise the cap. Earlier rounds are kept."
        )


@contextmanager
def naming_strategy(name: str, round: int) -> Iterator[None]:
    """Name strategy and round in errors that arise while a strategy chooses.

    Raises:
        StrategyError: Code that the user lists (``allow=``) raised an error, which is its cause. An error of alrun's
            own strategies passes through: it is a mistake in alrun.
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
                    "continues from there. Earlier rounds are kept."
                ) from error
            error.add_note(f"This was raised while strategy={name} chose after round {round}. Earlier rounds are kept.")
            raise


def went_through_users_code(error: BaseException) -> bool:
    """Whether a function of a module that the user lists raised ``error``, or called what did."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(targets.is_listed(str(frame.f_globals.get("__name__"))) for frame in frames)


def check_selection(positions: Any, size: int, available: int, name: str, round: int) -> torch.Tensor:
    """``positions`` on the CPU, after a check that they are ``size`` distinct ones below ``available``: (size,) int64.

    Raises:
        UserError: They are not.
    """
    if problem := selection_problem(positions, size, available):
        raise StrategyError(f"strategy={name} returned {problem} in round {round}: fix select().")
    return positions.cpu()


def selection_problem(positions: Any, size: int, available: int) -> str | None:
    """Why ``positions`` are not a valid selection of ``size`` out of ``available`` examples; None if they are."""
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
