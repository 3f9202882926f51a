"""The interface of selection strategies.

A strategy declares in ``needs`` which outputs of the model it reads, gets them for the whole unlabeled pool from one
pass, and returns the positions to label. It holds settings only: what it learns in a round comes from the query, so
that an interrupted run can go on.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from alrun.device import Stopwatch
from alrun.model import Classifier, evaluation
from alrun.pool import Pool
from alrun.selection.points import Outer
from alrun.train import TrainResult


@dataclass(frozen=True)
class Needs:
    """Outputs of the model that a strategy reads."""

    log_probs: bool = False  # log of the softmax probabilities
    embedding: bool = False  # input of the last linear layer
    gradient: bool = False  # last-layer gradient at the predicted label, as factors
    dropout_samples: int = 0  # MC-dropout passes
    labeled: bool = False  # the same outputs for the labeled examples


class Outputs:
    """Outputs of the model for n examples. Reading one that was not declared in ``needs`` raises an error."""

    def __init__(self, index: Tensor, **fields: Tensor) -> None:
        self.index = index  # (n,) indices into the pool, on the CPU
        self._fields = fields

    def _get(self, field: str, need: str) -> Tensor:
        if field not in self._fields:
            raise AttributeError(f"a strategy that reads outputs.{field} must declare Needs({need}=...)")
        return self._fields[field]

    def take(self, positions: Tensor) -> "Outputs":
        """The outputs for some of the examples."""
        axis = {"dropout_log_probs": 1}
        fields = {
            name: tensor.index_select(axis.get(name, 0), positions.to(tensor.device))
            for name, tensor in self._fields.items()
        }
        return Outputs(self.index[positions], **fields)

    @property
    def log_probs(self) -> Tensor:
        """Log-softmax, (n, C)."""
        return self._get("log_probs", "log_probs")

    @property
    def probs(self) -> Tensor:
        """Softmax, (n, C)."""
        return self.log_probs.exp()

    @property
    def embedding(self) -> Tensor:
        """(n, H)."""
        return self._get("embedding", "embedding")

    @property
    def dropout_log_probs(self) -> Tensor:
        """Log-softmax of every MC-dropout pass, (T, n, C)."""
        return self._get("dropout_log_probs", "dropout_samples")

    @property
    def gradient(self) -> Outer:
        """Gradient of the loss at the predicted label by the last layer's weights (no bias): n points of C H numbers.

        Source: Ash et al. 2020, Equation 1.
        """
        if not {"log_probs", "embedding"} <= self._fields.keys():
            raise AttributeError("a strategy that reads outputs.gradient must declare Needs(gradient=True)")
        return self.gradient_at(self.log_probs.argmax(1))

    def gradient_at(self, labels: Tensor) -> Outer:
        """The same at given ``labels`` (n,)."""
        residual = self.probs
        residual[torch.arange(len(residual), device=residual.device), labels] -= 1
        return Outer(residual, self.embedding)

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Query:
    """Everything a strategy may look at when it chooses."""

    size: int  # labels to ask for
    unlabeled: Outputs
    labeled: Outputs  # empty unless declared in needs
    rng: torch.Generator  # on the CPU
    pool: Pool
    model: Classifier
    trained: TrainResult
    normalize: Callable[[Tensor], Tensor]
    chunk: int  # images in a forward pass
    training: Stopwatch  # a strategy that trains something does it in ``with query.training:``, counted as training

    @property
    def labels(self) -> Tensor:
        """Classes of ``query.labeled``: (m,)."""
        return self.pool.labels[self.labeled.index.to(self.pool.labels.device)]

    def images(self, positions: Tensor) -> Tensor:
        """Normalised images of ``query.unlabeled`` at ``positions``: (k, C, H, W) floats."""
        return self.pool_images(self.unlabeled.index[positions])

    def pool_images(self, index: Tensor) -> Tensor:
        """Normalised ``pool.images`` at ``index``: (k, C, H, W) floats."""
        return self.normalize(self.pool.images[index.to(self.pool.images.device)])

    def evaluating(self) -> AbstractContextManager[None]:
        """Batch norm and dropout as in use, no gradients; the model's modes are put back afterwards."""
        return evaluation(self.model)

    def batches(self) -> Iterator[Tensor]:
        """Normalised images of ``query.unlabeled`` in order, ``chunk`` at a time."""
        for positions in torch.arange(len(self.unlabeled)).split(self.chunk):
            yield self.images(positions)


class Strategy(ABC):
    """Chooses which examples to label next."""

    needs: Needs = Needs()

    @abstractmethod
    def select(self, query: Query) -> Tensor:
        """``query.size`` distinct positions in ``query.unlabeled``."""


class ScoreStrategy(Strategy):
    """Labels the examples with the highest scores; ties go to the lower index.

    Scores of 0 and more can also be sampled in proportion (``strategy=power``).
    """

    @abstractmethod
    def score(self, unlabeled: Outputs) -> Tensor:
        """How much each example is wanted: (n,)."""

    def select(self, query: Query) -> Tensor:
        """The ``query.size`` highest scores, best first."""
        return highest(self.score(query.unlabeled), query.size)


def highest(scores: Tensor, size: int) -> Tensor:
    """Positions of the ``size`` highest of ``scores`` (n,), best first; ties go to the lower position."""
    least = scores.topk(size).values[-1]
    among = (scores >= least).nonzero().flatten()
    return among[scores[among].argsort(descending=True, stable=True)[:size]]
