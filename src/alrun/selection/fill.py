"""What to do where fewer points than asked for can be told apart."""

import torch
from torch import Tensor


def fill_uniformly(chosen: Tensor, count: int, size: int, rng: torch.Generator | None) -> Tensor:
    """``chosen`` and, behind them, as many others of ``count`` positions as are lacking: (size,), all distinct.

    The others are drawn uniformly, or are the first ones where there is no ``rng`` (on the CPU).
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
