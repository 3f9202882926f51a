"""Submodular functions of the chosen candidates, also with terms that favor or avoid given sets.

``modular`` (c,) is added for every chosen candidate.

Source: Iyer et al., Submodular Combinatorial Information Measures, ALT 2021, Table 1, for the forms with caps, floors
and given sets.
"""

import torch
from torch import Tensor

from alrun.selection.similarity import Similarity, split_range
from alrun.selection.uncovered import ENTRY, Uncovered

# Choices, powers of two, after which it pays to drop what no longer counts, a few percent of the similarities being
# left: of those in memory, and of those that are computed again each time.
SPARSE, SPARSE_COMPUTED = 32, 4


class FacilityLocation:
    """Σ_i w_i min(max_{j in A} s_ij, cap_i) above floor_i: how well the chosen represent the rows.

    Similarities that no longer count are dropped, if the rest fits the similarity's memory: after ``SPARSE`` choices
    (``SPARSE_COMPUTED`` if no matrix is held), whenever their number has doubled, and once as many similarities were
    computed again as there are. ``remaining`` are those that count at first, if that is known.
    """

    tracked = False

    def __init__(
        self,
        similarity: Similarity,
        weights: Tensor | None = None,
        floor: Tensor | float = 0.0,
        cap: Tensor | None = None,
        modular: Tensor | None = None,
        remaining: Uncovered | None = None,
    ) -> None:
        self.similarity = similarity
        self.weights = weights
        self.covered = torch.zeros_like(similarity.rows.sqnorm) + floor
        self.cap = cap
        self.modular = modular
        self.remaining = remaining
        self.sparse = SPARSE_COMPUTED if similarity.matrix is None else SPARSE
        self.used = 0
        self.looked = 0  # candidates whose similarities were computed since the last drop
        if isinstance(floor, Tensor) and similarity.matrix is None and remaining is None:
            self.forget()

    def gains(self, part: Tensor | slice) -> Tensor:
        """What each of the candidates would add: (k,), from a pass over its similarities."""
        if self.remaining is not None:
            gains = self.remaining.gains(part, self.covered, self.weights)
        else:
            above = self.capped(part).sub_(self.covered).clamp_min_(0)
            gains = above.sum(1) if self.weights is None else above @ self.weights
            if self.similarity.matrix is None:
                self.looked += len(gains)
        return gains if self.modular is None else gains + self.modular[part]

    def all_gains(self) -> Tensor:
        """What each of all candidates would add: (c,)."""
        if not self.shared:
            return torch.cat([self.gains(part) for part in self.similarity.blocks()])
        plain = self.cap is None and self.weights is None
        gains = self.similarity.sums() if plain and not self.covered.any() else self.gains_of_both()
        return gains if self.modular is None else gains + self.modular

    def gains_of_both(self) -> Tensor:
        """The gains (c,) where rows and candidates are the same points: each similarity is computed once for both."""
        gains = torch.zeros_like(self.covered)
        for own, others, block in self.similarity.tiles():
            sides = [(own, others, block), (others, own, block.T)]
            for candidates, rows, similar in sides if others != own else sides[:1]:
                limited = similar if self.cap is None else similar.minimum(self.cap[rows])
                above = (limited - self.covered[rows]).clamp_min_(0)
                gains[candidates] += above.sum(1) if self.weights is None else above @ self.weights[rows]
        return gains

    def capped(self, part: Tensor | slice) -> Tensor:
        """Similarities of some candidates, limited to ``cap``: (k, n)."""
        similarity = self.similarity.of(part)
        return similarity if self.cap is None else torch.minimum(similarity, self.cap)

    def add(self, position: int) -> None:
        """Choose a candidate: raise ``covered`` to its similarities."""
        if self.remaining is not None:
            self.remaining.cover(position, self.covered)
        else:
            row = self.capped(torch.tensor([position], device=self.covered.device))[0]
            self.covered = torch.maximum(self.covered, row)
        self.used += 1
        doubled = self.used >= self.sparse and self.used.bit_count() == 1
        if doubled or self.looked >= 2 * len(self.similarity.candidates):
            self.forget()

    def forget(self) -> None:
        """Drop similarities that no longer count."""
        self.looked = 0
        if self.remaining is not None:
            self.remaining.forget(self.covered)
        elif self.similarity.computed_for_both:
            self.remaining = Uncovered.symmetric(self.similarity, self.covered, self.cap, self.room)
        else:
            blocks = (self.capped(part) for part in self.similarity.blocks())
            self.remaining = Uncovered.among(blocks, self.covered, self.room)

    @property
    def shared(self) -> bool:
        """Whether a similarity counts for two candidates and is not in memory."""
        return self.remaining is None and self.similarity.computed_for_both

    @property
    def room(self) -> float:
        """Bytes that the similarities which still count may take."""
        return min(self.similarity.spare, ENTRY * len(self.similarity.candidates) * len(self.covered))

    def __len__(self) -> int:
        return len(self.similarity.candidates)


class GraphCut:
    """λ Σ_i Σ_{j in A} s_ij - Σ_{j, k in A} s_jk: similar to all points, but not to one another.

    Rows and candidates are the same points.
    """

    tracked, shared = True, True

    def __init__(self, similarity: Similarity, balance: float = 1.0, modular: Tensor | None = None) -> None:
        self.similarity = similarity
        gain = balance * similarity.sums() - similarity.own()
        self.gain = gain if modular is None else gain + modular

    def gains(self, part: Tensor | slice) -> Tensor:
        """What each of the candidates would add: (k,), known at any time."""
        return self.gain[part]

    def all_gains(self) -> Tensor:
        """What each of all candidates would add: (c,)."""
        return self.gain

    def add(self, position: int) -> None:
        """Choose a candidate: lower the gains of those that resemble it."""
        self.gain -= 2 * self.similarity.row(position)

    def __len__(self) -> int:
        return len(self.gain)


class LogDeterminant:
    """log det of the similarities among the chosen (positive definite by ``ridge``): the volume that they span.

    With ``given`` points it is conditional on them: log det(S_A∪G) - log det(S_G). Gains come from a Cholesky
    factorization that grows by one row with every choice.

    Source: Chen, Zhang and Zhou, Fast Greedy MAP Inference for Determinantal Point Process, NeurIPS 2018, Algorithm 1.
    """

    tracked, shared = True, True

    def __init__(self, similarity: Similarity, given: Similarity | None = None, ridge: float = 1e-2) -> None:
        count = len(similarity.candidates)
        self.similarity = similarity
        self.variance = similarity.own() + ridge
        self.least = ridge / 2  # exact arithmetic never falls below ridge
        self.factor = torch.empty(0, count, device=similarity.device)  # (k, c): columns of the Cholesky factor
        self.used = 0
        if given is not None:
            among = given.kernel(given.candidates, given.candidates)
            lower = torch.linalg.cholesky(among + ridge * torch.eye(len(among), device=among.device))
            self.factor = torch.linalg.solve_triangular(lower, given.of(slice(None)), upper=False)
            self.used = len(self.factor)
            self.variance = (self.variance - self.factor.square().sum(0)).clamp_min(self.least)

    def gains(self, part: Tensor | slice) -> Tensor:
        """Log of the variance of each candidate that the chosen leave unexplained: (k,)."""
        return self.variance[part].log()

    def all_gains(self) -> Tensor:
        """The same of all candidates: (c,)."""
        return self.variance.log()

    def add(self, position: int) -> None:
        """Choose a candidate: add a row to the factor, which holds what it explains of the others."""
        if self.used == len(self.factor):  # double the room
            room = torch.empty(max(64, self.used), self.factor.shape[1], device=self.factor.device)
            self.factor = torch.cat([self.factor, room])
        known = self.factor[: self.used]
        row = self.similarity.row(position) - known[:, position] @ known
        row /= self.variance[position].sqrt()
        self.factor[self.used] = row
        self.used += 1
        self.variance = (self.variance - row.square()).clamp_min(self.least)

    def __len__(self) -> int:
        return len(self.variance)


class FeatureBased:
    """Σ_f sqrt(Σ_{j in A} m_jf), concave over modular: every feature should be strong in some of the chosen.

    ``features`` (c, F) must not be negative. Source: Wei et al. 2014.
    """

    tracked, shared = False, False

    def __init__(self, features: Tensor, modular: Tensor | None = None, block: int = 4096) -> None:
        self.features = features
        self.total = torch.zeros(features.shape[1], device=features.device)
        self.modular = modular
        self.block = block

    def gains(self, part: Tensor | slice) -> Tensor:
        """What each of the candidates would add: (k,), from a pass over its features."""
        gains = ((self.features[part] + self.total).sqrt_() - self.total.sqrt()).sum(1)
        return gains if self.modular is None else gains + self.modular[part]

    def all_gains(self) -> Tensor:
        """What each of all candidates would add: (c,), ``block`` at a time."""
        return torch.cat([self.gains(part) for part in split_range(len(self), self.block)])

    def add(self, position: int) -> None:
        """Choose a candidate: add its features to the totals."""
        self.total += self.features[position]

    def __len__(self) -> int:
        return len(self.features)


class WeightedSum:
    """The sum of two functions of the same candidates, the second one times ``factor``."""

    tracked, shared = True, True

    def __init__(self, first: LogDeterminant, second: LogDeterminant, factor: float) -> None:
        self.first = first
        self.second = second
        self.factor = factor

    def gains(self, part: Tensor | slice) -> Tensor:
        """The weighted sum of both gains: (k,)."""
        return self.first.gains(part) + self.factor * self.second.gains(part)

    def all_gains(self) -> Tensor:
        """The same of all candidates: (c,)."""
        return self.first.all_gains() + self.factor * self.second.all_gains()

    def add(self, position: int) -> None:
        """Choose a candidate in both functions."""
        self.first.add(position)
        self.second.add(position)

    def __len__(self) -> int:
        return len(self.first)
