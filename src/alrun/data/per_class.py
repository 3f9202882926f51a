"""``per_class_cap=``: which examples may be bought."""

from torch import Tensor


class NoCap:
    """Every example."""

    def buyable(self, labels: Tensor, seed_set: Tensor) -> Tensor | None:
        """A mask (N,) of the examples that may be bought, None for all."""
        return None
