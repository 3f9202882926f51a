"""The vectors of a pool that lie in shards: read as they are used, as a tensor in memory would be."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from alrun.data.shards import Shards


class Rows:
    """What a pool asks of a tensor (N, d) on the CPU: its shape, its rows by their indices, and all of it on a device.

    Args:
        shards: Where they lie.
    """

    device = torch.device("cpu")

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.shape = torch.Size(shards.shape)
        self.ndim = len(self.shape)
        self.dtype = torch.from_numpy(np.empty(0, shards.dtype)).dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Rows (k, d)."""
        return torch.from_numpy(self.shards[index.numpy() if isinstance(index, Tensor) else index])

    def to(self, *where: Any) -> Tensor:
        """All rows (N, d), in memory: for strategies that compare the vectors of the whole pool."""
        return self[:].to(*where)

    def verify(self, index: Tensor) -> None:
        """Compare the shards that hold the rows at ``index`` (k,) with their hashes.

        Raises:
            UserError: One is missing or damaged.
        """
        if len(index):
            self.shards.verify(int(index.min()), int(index.max()) + 1)
