"""``embeddings@strategy.embeddings=``, ``embeddings@seed_set.embeddings=``: vectors that represent images."""

import logging
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from alrun.data.dataset import ImageData
from alrun.features.encoder import Encoder
from alrun.pool.pool import Pool
from alrun.strategies.base import Needs, Query
from alrun.system import rng
from alrun.system.errors import SettingError, UserError, first_line

log = logging.getLogger(__name__)


class Embeddings(ABC):
    """Rows of numbers for the examples of a query, of length 1 with ``normalize``."""

    needs = Needs()

    def __init__(self, normalize: bool = True) -> None:
        self.normalize = normalize

    def of(self, query: Query) -> tuple[Tensor, Tensor]:
        """Unlabeled (n, d) and labeled (m, d), on the pool's device."""
        unlabeled, labeled = self.raw(query)
        return (F.normalize(unlabeled), F.normalize(labeled)) if self.normalize else (unlabeled, labeled)

    @abstractmethod
    def raw(self, query: Query) -> tuple[Tensor, Tensor]:
        """Unlabeled (n, d) and labeled (m, d) rows at their own lengths."""

    def check(self, size: int) -> None:  # noqa: B027 - most make what they give
        """Check before training that there are embeddings for a pool of ``size`` examples.

        Raises:
            UserError: There are not.
        """


class FromClassifier(Embeddings):
    """The embedding of the classifier that is being trained."""

    needs = Needs(embedding=True, labeled=True)

    def __init__(self, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.logged = False

    def raw(self, query: Query) -> tuple[Tensor, Tensor]:
        """The embeddings that the pass over the pool recorded."""
        if not self.logged:
            log.info("embeddings are the classifier's own; embeddings@strategy.embeddings=features gives others")
            self.logged = True
        return query.unlabeled.embedding, query.labeled.embedding


class OfThePool(Embeddings):
    """Embeddings of every image of the pool that do not change from round to round, computed once."""

    def __init__(self, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.made: tuple[Tensor, Tensor] | None = None  # the pool's images, and their embeddings

    def raw(self, query: Query) -> tuple[Tensor, Tensor]:
        """Rows of the embeddings of the whole pool."""
        whole = self.kept(query.pool, query.chunk)
        return tuple(whole[index.to(whole.device)] for index in (query.unlabeled.index, query.labeled.index))  # type: ignore[return-value]

    def whole(self, pool: Pool, chunk: int) -> Tensor:
        """Embeddings (N, d) of all images of ``pool``, ``chunk`` at a time; of length 1 with ``normalize``."""
        rows = self.kept(pool, chunk)
        return F.normalize(rows) if self.normalize else rows

    def kept(self, pool: Pool, chunk: int) -> Tensor:
        """The result of ``make``, computed once; torch's global generators are as before."""
        if self.made is None or self.made[0] is not pool.images:
            with rng.kept(pool.device):
                self.made = pool.images, self.make(pool, chunk)
        return self.made[1]

    @abstractmethod
    def make(self, pool: Pool, chunk: int) -> Tensor:
        """Embeddings (N, d) of all images of ``pool``, at their own lengths."""


class FromFile(OfThePool):
    """A .npy file, or an .npz with one array: a row for each example of the training split, in its order.

    Where the pool has redundancy, a copy has the row of the example that it shows.

    Raises:
        UserError: There is no such file, or it does not fit the pool.
    """

    def __init__(self, path: str, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.path = path
        if not Path(path).is_file():
            raise SettingError(f"embeddings.path={path}: there is no such file; give a .npy of one row an example.")

    def check(self, size: int) -> None:
        """Read the file."""
        self.rows(size)

    def make(self, pool: Pool, chunk: int) -> Tensor:
        """The file's rows."""
        rows = self.rows(len(pool.images))
        return (rows if pool.source is None else rows[pool.source]).to(pool.device)

    def rows(self, size: int) -> Tensor:
        """The file's rows (size, d).

        Raises:
            UserError: It cannot be read, or does not fit a pool of ``size`` examples.
        """
        name = f"embeddings.path={self.path}"
        try:
            with open(self.path, "rb") as file:
                stored = np.load(file, allow_pickle=False)
                if isinstance(stored, np.lib.npyio.NpzFile):
                    stored = stored[stored.files[0]]
            rows = torch.from_numpy(np.ascontiguousarray(stored, dtype=np.float32))
        except (ValueError, TypeError, OSError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise SettingError(f"{name} cannot be read: {first_line(error)}.") from error
        if rows.ndim != 2 or len(rows) != size:
            raise SettingError(
                f"{name} has shape {tuple(rows.shape)}; there must be a row of finite numbers for each of the "
                f"{size} examples of the pool."
            )
        if lost := int((~rows.isfinite()).any(1).sum()):
            raise SettingError(f"{name}: {lost} of {size} rows are not finite (NaN or infinite): fix or replace them.")
        return rows


class FromFeatures(OfThePool):
    """The vectors of a pool of vectors; of a pool of images, those that ``encoder`` makes of them, from the store.

    Args:
        encoder: A pretrained network; None: the pool holds vectors.
        normalize: Whether rows are brought to length 1.
    """

    def __init__(self, encoder: Encoder | None = None, normalize: bool = True) -> None:
        super().__init__(normalize)
        self.encoder = encoder
        self.rows: np.ndarray | None = None

    def raw(self, query: Query) -> tuple[Tensor, Tensor]:
        """The rows of the query alone: others are not read."""
        parts = query.unlabeled.index, query.labeled.index
        return tuple(self.rows_of(query.pool, index) for index in parts)  # type: ignore[return-value]

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
                "embeddings=features: the pool already holds vectors: leave out the encoder of the embeddings."
                if data.is_vectors
                else "embeddings=features: the pool holds images: make it a pool of vectors by encoder=torchvision, or "
                "name a network for the selection only: pretrained@strategy.embeddings.encoder=torchvision."
            )
        if self.encoder is not None:
            self.rows = embed(self.encoder)

    def make(self, pool: Pool, chunk: int) -> Tensor:
        """The pool's own vectors, or those of the encoder."""
        return self.rows_of(pool, torch.arange(len(pool.images)))


class FromPixels(OfThePool):
    """The principal components of the pixels: no network, no labels.

    Args:
        components: How many; fewer where images have fewer pixels or the pool fewer examples.
        normalize: Whether rows are brought to length 1.
    """

    def __init__(self, components: Annotated[int, Ge(1)] = 64, normalize: bool = False) -> None:
        super().__init__(normalize)
        self.components = components

    def make(self, pool: Pool, chunk: int) -> Tensor:
        """The first principal components (N, d) of all images."""
        from sklearn.decomposition import PCA

        images = pool.images
        pixels = images.flatten(1).float().cpu().numpy() / 255
        count = min(self.components, *pixels.shape)
        # From a fixed start, so that every run finds the same components.
        rows = PCA(count, svd_solver="randomized", random_state=0).fit_transform(pixels)
        return torch.from_numpy(rows).to(pool.device)
