"""What a purchase must be: enough examples to choose from, and a choice that can be bought."""

import torch

from alrun.errors import UserError
from alrun.strategies.base import Query


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


def check_selection(positions: torch.Tensor, query: Query, name: str, round: int) -> None:
    """Refuse what a strategy must not return.

    Raises:
        UserError: Positions are too many, too few, repeated or out of range.
    """
    count, available = len(positions), len(query.unlabeled)
    problem = None
    if positions.ndim != 1 or positions.dtype != torch.int64:
        problem = f"a tensor of {positions.dtype} and shape {tuple(positions.shape)}, not of int64 and one dimension"
    elif count != query.size:
        problem = f"{count} positions, {query.size} were asked for"
    elif len(positions.unique()) < count:
        problem = f"only {len(positions.unique())} distinct positions among {count}"
    elif count and not 0 <= int(positions.min()) <= int(positions.max()) < available:
        problem = f"positions outside 0..{available - 1}"
    if problem:
        raise UserError(f"strategy={name} returned {problem} in round {round}: its select() must be mended.")
