"""The interface of data subset selection, and how often it is done."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from alrun.models.classifier import Classifier
from alrun.models.infer import record
from alrun.models.outputs import Needs, Outputs
from alrun.pool.pool import Pool


@dataclass(frozen=True)
class Choice:
    """The examples that an epoch trains on."""

    index: Tensor  # (k,) indices into the pool, on the CPU
    weights: Tensor | None = None  # (k,) factors of the losses, on the CPU; None: all 1


@dataclass(frozen=True)
class Epoch:
    """An epoch that is about to start."""

    number: int  # within the round's training, from 0
    round: int
    is_last_round: bool
    model: Classifier
    pool: Pool
    normalize: Callable[[Tensor], Tensor]
    batch_size: int  # of the optimizer
    chunk: int  # images in a forward pass without training
    rng: torch.Generator  # on the CPU, of this epoch's selection alone
    previous: Choice | None = None  # what the round's last epoch trained on

    @property
    def labels(self) -> Tensor:
        """Classes of the labeled examples: (m,)."""
        return self.pool.labels[self.pool.labeled.to(self.pool.labels.device)]

    def outputs(self) -> Outputs:
        """Log-probabilities, embeddings and gradients of the labeled examples, not augmented, in evaluation mode."""
        needs = Needs(log_probs=True, gradient=True, embedding=True)
        return record(self.model, self.pool.images, self.pool.labeled, needs, self.normalize, self.chunk)


@runtime_checkable
class Subset(Protocol):
    """Selects the examples of an epoch; the trainer calls it at the start of every epoch.

    It must not keep anything from one epoch to the next, except by ``epoch.previous``: a stopped run resumes in another
    process.
    """

    def choose(self, epoch: Epoch) -> Choice:
        """Labeled examples to train on."""
        ...


class NoSubset:
    """The whole labeled set."""

    def choose(self, epoch: Epoch) -> Choice:
        """All labeled examples."""
        return Choice(epoch.pool.labeled)


class PeriodicSubset(ABC):
    """A share of the labeled set, selected again every few epochs with the current model.

    Args:
        fraction: Share of the labeled examples that is trained on.
        every: Epochs between two selections; the first one precedes the first epoch.
        full_every: Rounds 0, ``full_every``, 2 ``full_every`` and so on train on the whole labeled set, and so does
            the last one. 1: all rounds do.
    """

    def __init__(
        self,
        fraction: Annotated[float, Gt(0), Le(1)] = 0.3,
        every: Annotated[int, Ge(1)] = 35,
        full_every: Annotated[int, Ge(1)] = 3,
    ) -> None:
        self.fraction = fraction
        self.every = every
        self.full_every = full_every

    def choose(self, epoch: Epoch) -> Choice:
        """The last choice, or a new one if it is due."""
        if epoch.is_last_round or epoch.round % self.full_every == 0:
            return Choice(epoch.pool.labeled)
        if epoch.number % self.every and epoch.previous is not None:
            return epoch.previous
        positions, weights = self.select(epoch, max(2, round(self.fraction * len(epoch.pool.labeled))))
        return Choice(epoch.pool.labeled[positions], None if weights is None else weights.float())

    @abstractmethod
    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, Tensor | None]:
        """About ``size`` distinct positions in the labeled set (k,), and factors of their losses (k,) or None.

        Both are on the CPU.
        """
        ...


def split_by_class(labels: Tensor) -> list[Tensor]:
    """Positions of the examples of every class that occurs, ascending, on the CPU."""
    labels = labels.cpu()
    return [(labels == label).nonzero().flatten() for label in labels.unique()]
