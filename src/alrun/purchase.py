"""What a purchase must be: enough examples to choose from, and a choice that can be bought."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from alrun.errors import UserError, located


def check_supply(available: int, size: int, round: int) -> None:
    """Refuse to buy ``size`` of fewer examples: a cap or a data set can leave less than the budget asks for.

    Raises:
        UserError: Too few are ``available``.
    """
    if available < size:
        raise UserError(
            f"budget.batch_size={size}, but only {available} examples may still be bought after round {round}: "
            "lower budget.batch_size or budget.total, or raise the cap. Earlier rounds are kept."
        )


@contextmanager
def choosing(name: str, round: int) -> Iterator[None]:
    """Name strategy and round in what goes wrong while a strategy chooses; an error of its code keeps its traceback."""
    with located(f"strategy={name}, after round {round}"):
        try:
            yield
        except Exception as error:
            error.add_note(f"This was raised while strategy={name} chose after round {round}. Earlier rounds are kept.")
            raise


def check_selection(positions: Any, size: int, available: int, name: str, round: int) -> torch.Tensor:
    """What a strategy returned, on the CPU, if it can be bought: ``size`` distinct positions below ``available``.

    Raises:
        UserError: It cannot.
    """
    if problem := problem_of(positions, size, available):
        raise UserError(f"strategy={name} returned {problem} in round {round}: its select() must be mended.")
    return positions.cpu()


def problem_of(positions: Any, size: int, available: int) -> str | None:
    """Why ``positions`` are no choice of ``size`` out of ``available`` examples, None if they are one."""
    if not isinstance(positions, torch.Tensor):
        return f"a {type(positions).__name__}, not a torch tensor"
    if positions.ndim != 1 or positions.dtype != torch.int64:
        return f"a tensor of {positions.dtype} and shape {tuple(positions.shape)}, not of int64 and one dimension"
    if len(positions) != size:
        return f"{len(positions)} positions, {size} were asked for"
    if (distinct := len(positions.unique())) < size:
        return f"only {distinct} distinct positions among {size}"
    if size and not 0 <= int(positions.min()) <= int(positions.max()) < available:
        return (
            f"positions outside 0..{available - 1} (they count in query.unlabeled, which holds no labeled example; "
            "indices into the pool are another thing)"
        )
    return None
