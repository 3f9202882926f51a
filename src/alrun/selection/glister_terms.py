"""Terms that GLISTER adds to its gains so that the picks differ from one another."""

import torch
from torch import Tensor

from alrun.selection.greedy import CANDIDATES
from alrun.selection.points import Points, nearest_sqdist
from alrun.selection.set_functions import FacilityLocation


class NoTerm:
    """No term: the gains alone decide."""

    def best(self, gains: Tensor, count: int) -> Tensor:
        """Positions (count,) of the largest gains (n,); ties go to the lower position."""
        if count == 1:
            return gains.argmax()[None]
        return gains.argsort(descending=True, stable=True)[:count]


class Distance:
    """``lam`` times the distance to the nearest picked point; 0 for the first pick."""

    def __init__(self, points: Points, lam: float) -> None:
        self.points = points
        self.lam = lam
        self.nearest: Tensor | None = None  # squared

    def best(self, gains: Tensor, count: int) -> Tensor:
        """Positions (count,), each with the largest sum given those before; gains of -inf are never picked."""
        gains, chosen = gains.clone(), []
        for _ in range(count):
            total = gains if self.nearest is None else gains + self.lam * self.nearest.sqrt()
            chosen.append(total.argmax()[None])
            distance = nearest_sqdist(self.points, self.points.take(chosen[-1]))
            self.nearest = distance if self.nearest is None else torch.minimum(self.nearest, distance)
            gains[chosen[-1]] = -torch.inf
        return torch.cat(chosen)


class Coverage:
    """``lam`` times what a pick adds to ``function``, divided by the number of rows that the function represents.

    A pick adds less the later it comes, so what it would have added earlier is an upper bound: only the candidates with
    the highest sums of gain and bound are computed again (Minoux 1978, in blocks).
    """

    def __init__(self, function: FacilityLocation, lam: float) -> None:
        self.function = function
        self.lam = lam / len(function.covered)
        self.bound = function.all_gains()

    def best(self, gains: Tensor, count: int) -> Tensor:
        """Positions (count,), each with the largest sum given those before; gains of -inf are never picked."""
        gains, chosen = gains.clone(), []
        for _ in range(count):
            chosen.append(self.largest(gains))
            self.function.add(int(chosen[-1]))
            gains[chosen[-1]] = -torch.inf
        return torch.cat(chosen)

    def largest(self, gains: Tensor) -> Tensor:
        """Position of the largest sum of gain and term: (1,)."""
        fresh = torch.zeros(len(gains), dtype=torch.bool, device=gains.device)
        while True:
            total = gains + self.lam * self.bound
            best = total.argmax()[None]
            if fresh[best]:
                return best
            block = total.masked_fill_(fresh, -torch.inf).topk(min(CANDIDATES, len(gains))).indices
            self.bound[block] = self.function.gains(block)
            fresh[block] = True
