"""BAIT: a batch whose Fisher information represents that of the pool."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from alrun.selection.fisher import Information, bait, block_size
from alrun.strategies.base import Needs, Outputs, Query, Strategy
from alrun.system.errors import SettingError
from alrun.system.units import MEGABYTE, Megabytes

GIGABYTE = 2.0**30


class Bait(Strategy):
    """Greedily lowers tr(M^-1 F): F is the last layer's Fisher information over the pool, M that of the labeled set.

    M is ``ridge`` plus, divided by the number of labels after the query, the sum of the labeled examples' information
    and ``query.size`` times that of the chosen ones: a chosen example weighs as much as ``query.size`` labeled ones.

    Args:
        fisher: ``exact``: of all classes, a matrix of (C H)² numbers; ``binary``: of a model that tells the predicted
            class from the rest, H² numbers, for many classes or large batches.
        ridge: Added to the diagonal of M.
        candidate_factor: Examples chosen first, over examples to label; those whose removal costs least are then
            removed.
        memory: Megabytes that matrices may take.

    Source: Ash et al., Gone Fishing: Neural Active Learning with Fisher Embeddings, NeurIPS 2021, Algorithm 1, with the
    weights of the authors' code (bait_sampling.py), which ``fisher=exact`` follows to the letter, except for float64
    instead of float32. The binary form is that of Huseljic et al., Fast Fishing, 2024, with the same weights.
    """

    needs = Needs(log_probs=True, embedding=True, labeled=True)

    def __init__(
        self,
        fisher: Literal["exact", "binary"] = "binary",
        ridge: Annotated[float, Gt(0)] = 1.0,
        candidate_factor: Annotated[float, Ge(1)] = 2.0,
        memory: Megabytes = 8000,
    ) -> None:
        self.fisher = fisher
        self.ridge = ridge
        self.candidate_factor = candidate_factor
        self.memory = memory * MEGABYTE

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of choice."""
        n, width = query.unlabeled.embedding.shape
        classes = query.unlabeled.log_probs.shape[1] if self.fisher == "exact" else 1
        needed = 8.0 * (5 * (classes * width) ** 2 + n * classes**2 * (2 + block_size(classes)))
        if needed > self.memory:
            raise SettingError(
                f"strategy.fisher={self.fisher} needs {needed / GIGABYTE:.0f} GB, strategy.memory allows "
                f"{self.memory / GIGABYTE:.1f} GB: use strategy.fisher=binary, or strategy=subsample around it."
            )
        unlabeled, labeled = query.unlabeled, query.labeled
        known = labeled.embedding, self.spread(labeled)
        # M scaled by (m + b) / b, so that a candidate weighs 1; the scale changes no choice.
        ridge = self.ridge * (len(labeled) + query.size) / query.size
        information = Information(unlabeled.embedding, self.spread(unlabeled), known, ridge, 1 / query.size)
        return bait(information, query.size, self.candidate_factor)

    def spread(self, outputs: Outputs) -> Tensor:
        """Factors of the information: (n, C, C) with columns √p_y (e_y - p), or (n, 1, 1) with √(p (1 - p))."""
        probs = outputs.probs
        if self.fisher == "binary":
            first = outputs.log_probs.amax(1)
            return (first.exp() * -first.expm1()).sqrt()[:, None, None]
        return (torch.eye(probs.shape[1], device=probs.device) - probs[:, :, None]) * probs.sqrt()[:, None, :]

    def matrices(self, held: int) -> float:
        """All of ``memory``: matrices of features do not depend on how many examples there are."""
        return self.memory
