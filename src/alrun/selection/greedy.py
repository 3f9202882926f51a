"""Greedy maximization of set functions."""

from typing import Protocol

import torch
from torch import Tensor

CANDIDATES = 32  # whose gains are brought up to date together


class SetFunction(Protocol):
    """A function of the chosen candidates."""

    tracked: bool  # whether the gains of all candidates are kept up to date

    def gains(self, part: Tensor | slice) -> Tensor:
        """What each of some candidates would add now: (k,)."""
        ...

    def add(self, position: int) -> None:
        """Choose a candidate."""
        ...

    def blocks(self) -> list[slice]:
        """All candidates, in parts of bounded memory."""
        ...


def maximize(function: SetFunction, size: int) -> Tensor:
    """Positions (size,), each with the largest gain given those before it.

    Where gains are computed when they are asked for, the function must be submodular.
    """
    return greedy(function, size) if function.tracked else lazy_greedy(function, size)


def greedy(function: SetFunction, size: int) -> Tensor:
    """Positions (size,) that greedily maximize any ``function``; looks at all gains for each."""
    free = torch.zeros_like(function.gains(slice(None)))
    check_size(size, len(free))
    chosen: list[int] = []
    for _ in range(size):
        chosen.append(int((function.gains(slice(None)) + free).argmax()))
        free[chosen[-1]] = -torch.inf
        function.add(chosen[-1])
    return torch.tensor(chosen)


def check_size(size: int, count: int) -> None:
    """Refuse to choose ``size`` of ``count`` candidates."""
    if not 0 < size <= count:
        raise ValueError(f"cannot choose {size} of {count} candidates")


def lazy_greedy(function: SetFunction, size: int) -> Tensor:
    """Positions (size,) that greedily maximize a submodular ``function``, exactly.

    Gains only shrink as candidates are chosen, so what was known earlier bounds them from above. The few dozen
    candidates with the highest bounds are brought up to date at once; while the best of them is no worse than all
    bounds of the others, it is the best of all. Of equal gains any may come first.

    Source: Minoux 1978, in blocks.
    """
    bound = torch.cat([function.gains(part) for part in function.blocks()])
    check_size(size, len(bound))
    chosen: list[int] = []
    while len(chosen) < size:
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
    """The best of a random part of the candidates each time: within 1 - 1/e - ``epsilon`` of the optimum on average.

    Source: Mirzasoleiman et al., Lazier Than Lazy Greedy, AAAI 2015, Algorithm 1.
    """
    count = function.blocks()[-1].stop
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
