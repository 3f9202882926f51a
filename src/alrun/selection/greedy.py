"""Greedy maximization of set functions."""

from typing import Protocol

import torch
from torch import Tensor

CANDIDATES = 32  # candidates whose gains are updated together


class SetFunction(Protocol):
    """A function of the chosen candidates, which a greedy algorithm maximizes."""

    tracked: bool  # True: ``add`` updates the gains of all candidates; False: ``gains`` computes them

    @property
    def shared(self) -> bool:
        """Whether all gains at once take far less work than each alone."""
        ...

    def gains(self, part: Tensor | slice) -> Tensor:
        """What each of the candidates in ``part`` would add now: (k,)."""
        ...

    def all_gains(self) -> Tensor:
        """What each of all candidates would add now: (c,)."""
        ...

    def add(self, position: int) -> None:
        """Choose the candidate at ``position``."""
        ...

    def __len__(self) -> int:
        """How many candidates there are."""
        ...


def maximize(function: SetFunction, size: int) -> Tensor:
    """Positions (size,) int64, each with the largest gain given those before it.

    If the function does not track its gains, it must be submodular.
    """
    return greedy(function, size) if function.tracked else lazy_greedy(function, size)


def greedy(function: SetFunction, size: int) -> Tensor:
    """Positions (size,) int64 that greedily maximize any ``function``; every pick compares all gains."""
    check_size(size, len(function))
    free = torch.zeros_like(function.all_gains())
    chosen: list[int] = []
    for _ in range(size):
        chosen.append(int((function.all_gains() + free).argmax()))
        free[chosen[-1]] = -torch.inf
        function.add(chosen[-1])
    return torch.tensor(chosen)


def check_size(size: int, count: int) -> None:
    """Raise a ValueError if ``size`` of ``count`` candidates cannot be chosen."""
    if not 0 < size <= count:
        raise ValueError(f"cannot choose {size} of {count} candidates")


def lazy_greedy(function: SetFunction, size: int) -> Tensor:
    """Positions (size,) int64 that greedily maximize a submodular ``function``, exactly.

    Gains only shrink as candidates are chosen, so earlier gains are upper bounds. The few dozen candidates with the
    highest bounds are updated together; while the best of them is at least as good as the bounds of all others, it is
    the best of all. Of equal gains any may come first.

    Source: Minoux 1978, in blocks.
    """
    check_size(size, len(function))
    bound, again = function.all_gains(), function.shared
    chosen: list[int] = []
    while len(chosen) < size:
        if chosen and again:  # once: no later choice lowers all gains as far as the first
            bound, again = function.all_gains(), False
            bound[torch.tensor(chosen, device=bound.device)] = -torch.inf
        top = bound.topk(min(CANDIDATES + 1, len(bound)))
        block = top.indices[:CANDIDATES]
        limit = float(top.values[CANDIDATES]) if len(top.values) > CANDIDATES else -torch.inf
        gains = bound[block]
        taken = gains == -torch.inf
        while len(chosen) < size:
            gains = function.gains(block).masked_fill_(taken, -torch.inf)
            best = int(gains.argmax())
            if float(gains[best]) < limit or bool(taken[best]):
                break
            position = int(block[best])
            function.add(position)
            chosen.append(position)
            taken[best] = True
        bound[block] = gains.masked_fill(taken, -torch.inf)
    return torch.tensor(chosen)


def stochastic_greedy(function: SetFunction, size: int, rng: torch.Generator, epsilon: float) -> Tensor:
    """Positions (size,) int64, each the best of a random part of the candidates.

    The value is at least 1 - 1/e - ``epsilon`` of the optimum on average.

    Source: Mirzasoleiman et al., Lazier Than Lazy Greedy, AAAI 2015, Algorithm 1.
    """
    count = len(function)
    check_size(size, count)
    free = torch.randperm(count, generator=rng)
    draws = max(1, round(count / size * -torch.tensor(epsilon).log().item()))
    chosen: list[int] = []
    for _ in range(size):
        sample = torch.randperm(len(free), generator=rng)[:draws]
        best = int(sample[int(function.gains(free[sample]).argmax())])
        chosen.append(int(free[best]))
        function.add(chosen[-1])
        free[best] = free[-1]
        free = free[:-1]
    return torch.tensor(chosen)
