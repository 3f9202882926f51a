"""Nearest neighbors by blocks of matrix products."""

import torch
from torch import Tensor

from alrun.selection.points import BLOCK, Dense, sqdist


def nearest_neighbors(x: Tensor, others: Tensor, k: int, itself: bool = True) -> tuple[Tensor, Tensor]:
    """Squared distances (n, k) and positions (n, k) of the ``k`` nearest rows of ``others`` (m, d), nearest first.

    With ``itself`` False, ``others`` must be ``x``, and no point is its own neighbor.
    """
    if not 0 < k <= len(others) - (not itself):
        raise ValueError(f"{len(others)} points do not have {k} neighbors each")
    targets, rows = Dense(others), max(1, BLOCK[x.device.type] // len(others))
    distances = x.new_empty(len(x), k)
    positions = torch.empty(len(x), k, dtype=torch.int64, device=x.device)
    for start in range(0, len(x), rows):
        block = sqdist(Dense(x[start : start + rows]), targets)
        if not itself:
            block.diagonal(start).fill_(torch.inf)
        some = slice(start, start + rows)
        torch.topk(block, k, dim=1, largest=False, out=(distances[some], positions[some]))
    return distances, positions
