"""The embeddings of a model before any training, for a seed set that reads ``embeddings=classifier``."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.models import infer
from alrun.models.classifier import Classifier
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.system import rng


def embed_untrained(
    pool: Pool,
    chunk: int,
    make: Callable[[], Classifier],
    normalization: Callable[[Classifier], Callable[[Tensor], Tensor]],
    seed: int,
) -> Tensor:
    """Embeddings (N, d) of all examples of ``pool``, by the weights that round 0 of a run with ``seed`` starts from.

    Args:
        pool: The pool.
        chunk: Examples in a forward pass.
        make: Makes the model, with weights from torch's global generators, which are changed.
        normalization: Turns what the pool holds into the floats that a model takes.
        seed: Of the seed set and the first model.
    """
    rng.seed_globals(seed, "weights", 0)
    model = make().to(pool.device)
    index = torch.arange(len(pool.images))
    return infer.record(model, pool.images, index, Needs(embedding=True), normalization(model), chunk).embedding
