"""Chosen points as far from one another as can be."""

import torch
from torch import Tensor

from alrun.selection.points import Points, sqdist


def disparity_sum(points: Points, size: int) -> Tensor:
    """Positions (size,): greedily the largest sum of Euclidean distances among the chosen.

    The first is the longest point. One pass over the points for each choice: the sum is not submodular, so old gains
    bound nothing.
    """
    if not 0 < size <= len(points):
        raise ValueError(f"cannot choose {size} of {len(points)} points")
    total = torch.zeros(len(points), device=points.sqnorm.device)
    chosen = [int(points.sqnorm.argmax())]
    while len(chosen) < size:
        total += sqdist(points, points.take(torch.tensor(chosen[-1:], device=total.device)))[:, 0].sqrt()
        total[chosen[-1]] = -torch.inf
        chosen.append(int(total.argmax()))
    return torch.tensor(chosen)
