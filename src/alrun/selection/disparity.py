"""Select points that lie far from one another."""

import torch
from torch import Tensor

from alrun.selection.points import Points, sqdist


def disparity_sum(points: Points, size: int) -> Tensor:
    """Positions (size,) int64: each adds the most to the sum of Euclidean distances among the chosen points.

    The longest point comes first. Each pick takes a pass over all points: the sum is not submodular, so earlier gains
    are not upper bounds.
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
