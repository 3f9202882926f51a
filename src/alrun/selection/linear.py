"""Weighted sums of points, and inner products of points with such sums."""

import torch
from torch import Tensor

from alrun.selection.points import Dense, Outer
from alrun.selection.products import products


def weighted_sum(points: Dense | Outer, weight: Tensor) -> Tensor:
    """Σ w_i p_i of the points, for ``weight`` (n,): (d,), or (C, H) if the points are factors."""
    if isinstance(points, Outer):
        return (weight[:, None] * points.a).T @ points.b
    return weight @ points.x


def projections(points: Dense | Outer, vector: Tensor) -> Tensor:
    """<p_i, vector> of every point: (n,). ``vector`` has the shape that ``weighted_sum`` returns."""
    if isinstance(points, Outer):
        return torch.einsum("nc,nc->n", points.a, products(points.b, vector))
    return points.x @ vector
