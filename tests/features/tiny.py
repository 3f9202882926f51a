"""A network that is made on the spot, and the settings by which it is an encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Tiny(nn.Module):
    """Three channels to 128 numbers; counts its passes."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layer = nn.Conv2d(3, 8, 3)
        self.examples = 0

    def forward(self, images: Tensor) -> Tensor:
        self.examples += len(images)
        return F.adaptive_avg_pool2d(self.layer(images), 4).flatten(1)


ALLOWED = f"allow=[{__name__}]"
ENCODER = ("encoder=module", f"encoder.network._target_={__name__}.Tiny", "encoder.size=12")
