"""``embeddings@strategy.embeddings=``, ``embeddings@seed_set.embeddings=``: vectors that represent examples."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.data.dataset import ImageData
from alrun.features.encoder import Encoder
from alrun.models.linear import Linear
from alrun.pool.pool import Pool
from alrun.strategies.base import Needs, Outputs, Query
from alrun.system import rng
from alrun.system.errors import SettingError, UserError

Embed = Callable[[Pool, int], Tensor]  # embeddings (N, d) of all examples of a pool, so many in a forward pass


class Embeddings(ABC):
    """Rows of numbers for the examples of a query or of a whole pool, of length 1 with ``normalize``."""

    needs = Needs()

    def __init__(self, normalize: bool = True) -> None:
        self.normalize = normalize
        self.made: tuple[Tensor, Tensor] | None = None  # the pool's examples, and their embeddings

    def of(self, query: Query) -> tuple[Tensor, Tensor]:
        """Unlabeled (n, d) and labeled (m, d), on the pool's device, from one pass."""
        (unlabeled,) = query.unlabeled.collected(lambda part: (self.at(query, part),))
        return unlabeled, self.at(query, query.labeled)

    def at(self, query: Query, examples: Outputs) -> Tensor:
        """Of some ``examples`` of ``query``: (k, d), on the pool's device."""
        rows = self.raw(query, examples)
        return F.normalize(rows) if self.normalize else rows

    def whole(self, pool: Pool, chunk: int) -> Tensor:
        """Embeddings (N, d) of all examples of ``pool`` before any training, ``chunk`` at a time: for seed sets."""
        rows = self.kept(pool, chunk)
        return F.normalize(rows) if self.normalize else rows

    def kept(self, pool: Pool, chunk: int) -> Tensor:
        """The result of ``make``, computed once; torch's global generators are as before."""
        if self.made is None or self.made[0] is not pool.images:
            with rng.kept(pool.device):
                self.made = pool.images, self.make(pool, chunk)
        return self.made[1]

    def are_frozen(self, query: Query) -> bool:
        """Whether the rows of an example are the same in all rounds."""
        return False

    @abstractmethod
    def raw(self, query: Query, examples: Outputs) -> Tensor:
        """The rows (k, d) of some ``examples`` of ``query`` at their own lengths."""

    @abstractmethod
    def make(self, pool: Pool, chunk: int) -> Tensor:
        """Embeddings (N, d) of all examples of ``pool`` before any training, at their own lengths."""


class FromClassifier(Embeddings):
    """The embedding of the classifier that is being trained; for a seed set, that of its weights before training.

    These are the vectors themselves for ``model=linear``, the features of a pretrained network for
    ``model.pretrained=true``, and otherwise those of random weights, which tell little.
    """

    needs = Needs(embedding=True, labeled=True)

    def __init__(self, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.untrained: Embed | None = None

    def prepare(self, untrained: Embed) -> None:
        """Have ``untrained`` make the embeddings of a whole pool."""
        self.untrained = untrained

    def are_frozen(self, query: Query) -> bool:
        """Whether the model is linear, so that these are the pool's vectors."""
        return isinstance(query.model, Linear)

    def raw(self, query: Query, examples: Outputs) -> Tensor:
        """The embeddings that the pass over the pool recorded."""
        return examples.embedding

    def make(self, pool: Pool, chunk: int) -> Tensor:
        """Embeddings (N, d) of the weights that the first training starts from."""
        if self.untrained is None:
            raise SettingError("embeddings=classifier: there is no classifier; use embeddings=features.")
        return self.untrained(pool, chunk)


class FromFeatures(Embeddings):
    """The vectors of a pool of vectors; of a pool of images, those that ``encoder`` makes of them, from the store.

    Args:
        encoder: A pretrained network; None: the pool holds vectors.
        normalize: Whether rows are brought to length 1.
    """

    def __init__(self, encoder: Encoder | None = None, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.encoder = encoder
        self.rows: np.ndarray | None = None

    def are_frozen(self, query: Query) -> bool:
        """They are."""
        return True

    def raw(self, query: Query, examples: Outputs) -> Tensor:
        """The rows of these examples alone: others are not read."""
        return self.rows_of(query.pool, examples.index)

    def rows_of(self, pool: Pool, index: Tensor) -> Tensor:
        """The vectors (k, d) of the examples of ``pool`` at ``index`` (k,), a copy's being its source's."""
        if self.encoder is None:
            if pool.images.ndim != 2:
                raise UserError("embeddings=features: the pool holds images, which have no features: name an encoder.")
            return pool.take(index).to(torch.float32)
        assert self.rows is not None
        rows = torch.from_numpy(self.rows)
        return rows[index if pool.source is None else pool.source[index]].to(pool.device, torch.float32)

    def prepare(self, data: ImageData, embed: Callable[[Encoder], np.ndarray]) -> None:
        """Have the encoder's vectors of all training examples made.

        Raises:
            UserError: The pool holds vectors and there is an encoder, or images and there is none.
        """
        if data.is_vectors == (self.encoder is not None):
            raise UserError(
                "the embeddings have an encoder, and the pool already holds vectors: take those, by "
                "embeddings@strategy.embeddings=features, or embeddings@seed_set.embeddings=features for a seed set."
                if data.is_vectors
                else "embeddings=features: the pool holds images: make it a pool of vectors by encoder=torchvision, or "
                "name a network for the selection only: pretrained@strategy.embeddings.encoder=torchvision, or "
                "pretrained@seed_set.embeddings.encoder=torchvision for a seed set."
            )
        if self.encoder is not None:
            self.rows = embed(self.encoder)

    def make(self, pool: Pool, chunk: int) -> Tensor:
        """The pool's own vectors, or those of the encoder."""
        return self.rows_of(pool, torch.arange(len(pool.images)))
