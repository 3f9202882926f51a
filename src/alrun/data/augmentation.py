"""Augmentation and normalization of a batch, on the device that holds the pool.

An augmentation first *draws* its parameters for every image of an epoch (on the CPU, so that they are the same on
every device) and later *applies* them to a block of images.
"""

from typing import Annotated, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor


@runtime_checkable
class Augmentation(Protocol):
    """An augmentation, as the trainer uses it."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Parameters for ``count`` images: (count, k) int64 on the CPU."""
        ...

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Altered copies of ``images`` (B, C, H, W) uint8, on their device; ``parameters`` (B, k) lie on the CPU."""
        ...


class NoAugmentation:
    """Images as they are."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """No parameters: (count, 0)."""
        return torch.empty(count, 0, dtype=torch.int64)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """The images (B, C, H, W) themselves."""
        return images


class CropFlip:
    """A crop of the zero-padded image at a random offset and, if ``flip``, a mirror image half of the time.

    Equal to torchvision's ``RandomCrop(size, padding)`` and ``RandomHorizontalFlip()`` for the same draws.
    """

    def __init__(self, padding: Annotated[int, Ge(0)], flip: bool) -> None:
        self.padding = padding
        self.flip = flip

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Top and left offset in 0..2*padding and whether to flip: (count, 3)."""
        offsets = torch.randint(2 * self.padding + 1, (count, 2), generator=rng)
        flips = torch.randint(2, (count, 1), generator=rng) * int(self.flip)
        return torch.cat([offsets, flips], dim=1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Crops (B, C, H, W), by one gather from the padded batch."""
        count, _, height, width = images.shape
        padded = F.pad(images, [self.padding] * 4)
        top, left, flip = parameters.to(images.device)[:, :, None].unbind(1)  # each (B, 1)
        rows = top + torch.arange(height, device=images.device)  # (B, H)
        columns = torch.arange(width, device=images.device)
        columns = left + torch.where(flip.bool(), width - 1 - columns, columns)  # (B, W)
        batch = torch.arange(count, device=images.device)
        # Advanced indices around a slice come first: (B, H, W, C).
        picked = padded[batch[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)


class Normalize:
    """Bytes to floats with zero mean and unit spread per channel, like torchvision's ToTensor and Normalize.

    Images on another device are moved to ``device``.
    """

    memory_format = torch.contiguous_format  # of its results; a model with weights of the same layout is fastest

    def __init__(self, mean: list[float], std: list[float], device: torch.device) -> None:
        self.mean = torch.tensor(mean, device=device)[:, None, None]
        self.std = torch.tensor(std, device=device)[:, None, None]

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, H, W) uint8 to float32."""
        floats = images.to(self.mean.device, torch.float32, memory_format=self.memory_format)
        return floats.div_(255).sub_(self.mean).div_(self.std)
