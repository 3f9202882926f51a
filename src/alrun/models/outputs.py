"""The outputs of a model that a strategy declares, and these outputs for some examples of the pool."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from alrun.selection.points import Dense, Outer, Points

Tensors = tuple[Tensor, ...]

AXIS = {"dropout_log_probs": 1}  # along which examples lie in an output; 0 in the others


@dataclass(frozen=True)
class Needs:
    """Outputs of the model that a strategy reads."""

    log_probs: bool = False  # log of the softmax probabilities
    embedding: bool = False  # input of the last linear layer
    gradient: bool = False  # last-layer gradient at the predicted label, as factors; at others: log_probs as well
    dropout_samples: int = 0  # MC-dropout passes, or members of the model's ensemble
    labeled: bool = False  # the same outputs for the labeled examples
    strangers: bool = False  # and for those that were queried and belong to no class; none where there are none yet


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
        fields = {
            name: tensor.index_select(AXIS.get(name, 0), positions.to(tensor.device))
            for name, tensor in self._fields.items()
        }
        return Outputs(self.index[positions], **fields)

    def parts(self) -> Iterator["Outputs"]:
        """The outputs in parts of consecutive examples that memory holds together: all, unless they are streamed."""
        yield self

    def collected(self, make: Callable[["Outputs"], Tensors]) -> Tensors:
        """What ``make`` computes of the examples, each row of one example: of part after part, if they are streamed."""
        return make(self)

    @property
    def points(self) -> Points:
        """The embeddings as points, which may be streamed."""
        return Dense(self.embedding)

    @property
    def fields(self) -> dict[str, Tensor]:
        """All outputs that there are, by name."""
        return dict(self._fields)

    @classmethod
    def joined(cls, parts: Sequence["Outputs"]) -> "Outputs":
        """The outputs for the examples of all ``parts``, in their order."""
        fields = {name: torch.cat([part.fields[name] for part in parts], AXIS.get(name, 0)) for name in parts[0].fields}
        return cls(torch.cat([part.index for part in parts]), **fields)

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
        """Input of the last linear layer, (n, H)."""
        return self._get("embedding", "embedding")

    @property
    def dropout_log_probs(self) -> Tensor:
        """Log-softmax of every MC-dropout pass, or member of an ensemble, (T, n, C)."""
        return self._get("dropout_log_probs", "dropout_samples")

    @property
    def gradient(self) -> Outer:
        """Gradient of the loss at the predicted label by the last layer's weights (no bias): n points of C H numbers.

        Source: Ash et al. 2020, Equation 1.
        """
        if {"residual", "embedding"} <= self._fields.keys():
            return Outer(self._fields["residual"], self.embedding)
        if not {"log_probs", "embedding"} <= self._fields.keys():
            raise AttributeError("a strategy that reads outputs.gradient must declare Needs(gradient=True)")
        return Outer(residual_of(self.log_probs), self.embedding)

    def gradient_at(self, labels: Tensor) -> Outer:
        """Gradient of the loss at ``labels`` (n,) by the last layer's weights (no bias): n points of C H numbers.

        Needs ``log_probs`` beside ``gradient``.
        """
        return Outer(residual_of(self.log_probs, labels), self.embedding)

    def __len__(self) -> int:
        return len(self.index)


def residual_of(log_probs: Tensor, labels: Tensor | None = None) -> Tensor:
    """Probabilities (n, C), less 1 at ``labels`` (n,); None: at the predicted ones."""
    residual = log_probs.exp()
    labels = log_probs.argmax(1) if labels is None else labels
    residual[torch.arange(len(residual), device=residual.device), labels] -= 1
    return residual


def with_one(embedding: Tensor) -> Tensor:
    """``embedding`` (n, H) with a constant 1 for the bias of the last layer: (n, H + 1)."""
    return F.pad(embedding, (0, 1), value=1.0)


def with_bias(gradient: Outer) -> Outer:
    """A last-layer gradient by the weights and the bias: embeddings with a constant 1."""
    return Outer(gradient.a, with_one(gradient.b))
