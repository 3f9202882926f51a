"""Sums of points, and their inner products with such sums."""

import torch
from torch import Tensor

from alrun.selection.points import Dense, Outer
from alrun.selection.products import products


def weighted_sum(points: Dense | Outer, weight: Tensor) -> Tensor:
    """Σ w_i p_i: (d,), or (C, H) where points are factors; ``weight`` is (n,)."""
    if isinstance(points, Outer):
        return (weight[:, None] * points.a).T @ points.b
    return weight @ points.x


def projections(points: Dense | Outer, vector: Tensor) -> Tensor:
    """<p_i, vector> of every point, (n,); ``vector`` is what ``combined`` returns."""
    if isinstance(points, Outer):
        return torch.einsum("nc,nc->n", points.a, products(points.b, vector))
    return points.x @ vector
