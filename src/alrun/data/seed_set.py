"""``seed_set=``: the first labeled examples."""

import torch
from torch import Tensor


class RandomSeedSet:
    """Uniformly at random, without replacement."""

    def choose(self, images: Tensor, labels: Tensor, size: int, rng: torch.Generator) -> Tensor:
        """``size`` distinct indices into the pool, on the CPU."""
        return torch.randperm(len(images), generator=rng)[:size]
