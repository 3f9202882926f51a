"""A check: a quantity measured on a device, and the largest allowed value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass
class Bench:
    """Where checks run, and fresh random numbers for them; drawn on the CPU in float64, so that a seed repeats them."""

    device: torch.device
    seed: int
    small: bool  # inputs for a trial on a CPU

    def __post_init__(self) -> None:
        self.draws = torch.Generator().manual_seed(self.seed)

    def size(self, large: int, small: int) -> int:
        """The size of an input."""
        return small if self.small else large

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float64 on the CPU, rounded to float32 so that a device gets the same numbers."""
        return torch.randn(*shape, generator=self.draws, dtype=torch.float64).float().double()

    def there(self, x: Tensor) -> Tensor:
        """``x`` in float32 on the device."""
        return x.float().to(self.device)


class Check(NamedTuple):
    """A check that ``measure`` does not exceed ``allowed``."""

    name: str
    says: str  # the quantity in words
    measure: Callable[[Bench], float]
    allowed: float
    needs_gpu: bool = False


def largest_error(found: Tensor, expected: Tensor) -> float:
    """Largest absolute difference, in units of the largest expected number."""
    difference = (found.double().cpu() - expected.double().cpu()).abs().max()
    return float(difference / expected.double().abs().max().cpu().clamp_min(1e-300))


def shortfall(gains: list[Tensor], picks: Tensor) -> float:
    """How far picks fell short of the best gains: ``gains[k]`` are those of all candidates at the k-th pick.

    In units of the gains' spread, so that another pick in a near tie counts little.
    """
    found = []
    for gain, pick in zip(gains, picks.tolist(), strict=True):
        finite = gain[gain.isfinite()]
        spread = (finite.max() - finite.min()).clamp_min(1e-300)
        found.append(float((finite.max() - gain[pick]) / spread))
    return max(found)
