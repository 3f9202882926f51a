"""GLISTER: the points whose gradient steps lower a validation loss the most, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from alrun.selection.glister_terms import NoTerm
from alrun.selection.linear import projections
from alrun.selection.points import BLOCK, Outer
from alrun.system.errors import StrategyError


@dataclass(frozen=True)
class Validation:
    """Examples whose loss the steps should lower."""

    logits: Tensor  # (m, C); log-probabilities also work
    embedding: Tensor  # (m, H), what the last layer reads
    labels: Tensor  # (m,), int64


class Term(Protocol):
    """A term of the objective besides the gains."""

    def best(self, gains: Tensor, count: int) -> Tensor:
        """Positions (count,) to pick, given gains (n,) that are -inf where a point was picked before."""
        ...


def glister(
    points: Outer,
    validation: Sequence[Validation],
    size: int,
    lr: float,
    refresh: int = 1,
    term: Term | None = None,
    before: Tensor | None = None,
) -> Tensor:
    """Positions (size,) int64 of distinct points, selected greedily.

    Points are last-layer gradients a_i ⊗ b_i; an embedding with a constant 1 stands for a bias. To first order a
    gradient step of length ``lr`` on point i lowers the mean loss of all validation examples by ``lr`` <a_i ⊗ b_i, V>,
    V (C, H) being the gradient of that loss: <a_i ⊗ b_i, V> is the gain of i. After every ``refresh`` picks the last
    layer takes the steps on what was picked, and V is computed again; with 1 the greedy choice is exact. The picks'
    gradients stay as they were.

    Neither gradients nor weights are formed: a step on i adds -lr <h, b_i> a_i to the logits of a validation example
    with embedding h. So a refresh reads points and validation examples once, and ties go to the lower position.

    Source: Killamsetty et al., GLISTER: Generalization based Data Subset Selection for Efficient and Robust Learning,
    AAAI 2021 (GLISTER-ACTIVE, Taylor approximation).

    Args:
        points: n points.
        validation: One set of examples, or several that count as one.
        size: At least 1, at most n.
        lr: Length of the look-ahead's steps.
        refresh: Picks between two computations of V.
        term: Term of the objective besides the gains; none by default.
        before: Gradient (C, H) on which the last layer takes a step of length ``lr`` before the first gains.

    Raises:
        StrategyError: The steps are so long that logits overflow.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    if refresh < 1:
        raise ValueError(f"refresh={refresh} must be 1 or more")
    examples = sum(len(part.labels) for part in validation)
    if not examples:
        raise ValueError("there are no validation examples")
    term = term or NoTerm()
    blocks = [block for part in validation for block in split_validation(part)]
    if before is not None:
        for block in blocks:
            block.logits.addmm_(block.embedding, before.T, alpha=-lr)
    picked = torch.zeros(len(points), dtype=torch.bool, device=points.a.device)
    chosen: list[Tensor] = []
    last: Outer | None = None
    finite = torch.ones((), dtype=torch.bool, device=points.a.device)
    for start in range(0, size, refresh):
        gradient = torch.zeros(points.a.shape[1], points.b.shape[1], dtype=points.b.dtype, device=points.b.device)
        for block in blocks:
            if last is not None:
                step_logits(block, last, lr)
            gradient += loss_gradient(block)
        gains = projections(points, gradient / examples)
        finite &= gains.isfinite().all()
        chosen.append(term.best(gains.masked_fill_(picked, -torch.inf), min(refresh, size - start)))
        picked[chosen[-1]] = True
        last = points.take(chosen[-1])
    if not finite:
        raise StrategyError("GLISTER's look-ahead overflows: lower strategy.lr.")
    return torch.cat(chosen).cpu()


def split_validation(part: Validation) -> list[Validation]:
    """``part`` in blocks that stay in the cache between two uses. The logits are copies, which the steps change."""
    rows = max(1, BLOCK[part.embedding.device.type] // part.embedding.shape[1])
    columns = (part.logits.clone(), part.embedding, part.labels)
    return [Validation(*block) for block in zip(*(column.split(rows) for column in columns), strict=True)]


def step_logits(block: Validation, points: Outer, lr: float) -> None:
    """Change the logits of ``block`` in place by gradient steps on ``points``."""
    block.logits.addmm_(block.embedding @ points.b.T, points.a, alpha=-lr)


def loss_gradient(block: Validation) -> Tensor:
    """Gradient of the summed cross-entropy by the last layer's weights: (C, H)."""
    residual = block.logits.softmax(1)
    residual[torch.arange(len(residual), device=residual.device), block.labels] -= 1
    return residual.T @ block.embedding
