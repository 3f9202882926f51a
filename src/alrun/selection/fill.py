"""Fill up a selection where the algorithm finds fewer points than asked for."""

import torch
from torch import Tensor


def fill_uniformly(chosen: Tensor, count: int, size: int, rng: torch.Generator | None) -> Tensor:
    """``chosen``, followed by other positions below ``count`` until there are ``size``: (size,) int64, all distinct.

    The others are drawn uniformly by ``rng`` (on the CPU); without ``rng`` the lowest positions are taken.
    """
    missing = size - len(chosen)
    if missing <= 0:
        return chosen
    free = torch.ones(count, dtype=torch.bool)
    free[chosen.cpu()] = False
    left = free.nonzero().flatten()
    if rng is not None:
        left = left[torch.randperm(len(left), generator=rng)]
    return torch.cat([chosen, left[:missing].to(chosen.device)])
