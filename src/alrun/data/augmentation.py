"""Augmentation and normalisation of a batch, on the device that holds the pool.

An augmentation first *draws* its parameters for every image of an epoch (on the CPU, so that they are the same on
every device) and later *applies* them to a block of images.
"""

from typing import Annotated, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor


@runtime_checkable
class Augmentation(Protocol):
    """What the trainer needs of an augmentation."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Parameters for ``count`` images: (count, k) int64 on the CPU."""
        ...

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Altered copies of ``images`` (B, C, H, W) uint8, on their device; ``parameters`` (B, k) lie on the CPU."""
        ...


class NoAugmentation:
    """Images as they are."""

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Nothing: (count, 0)."""
        return torch.empty(count, 0, dtype=torch.int64)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """The images themselves."""
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
        """One gather from the padded batch."""
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


class ResizedCrop:
    """A random part of the image, stretched to its size, and, if ``flip``, a mirror image half of the time.

    As torchvision's ``RandomResizedCrop``: the part has a share of the area drawn from ``scale`` to 1, and sides whose
    ratio is drawn, on a logarithmic scale, from 3/4 to 4/3; one that does not fit is cut off at the image's edges.

    Source: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, Section 6.
    """

    UNIT = 2**20  # parameters are whole numbers of this fraction
    RATIO = 4 / 3

    def __init__(self, scale: Annotated[float, Gt(0), Le(1)] = 0.08, flip: bool = True) -> None:
        self.scale = scale
        self.flip = flip

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Height and width of the part as shares of the image's sides, its place, and whether to flip: (count, 5)."""
        draws = torch.rand(count, 4, generator=rng, dtype=torch.float64)
        area = self.scale + (1 - self.scale) * draws[:, 0]
        ratio = self.RATIO ** (2 * draws[:, 1] - 1)  # as if images were square: others give parts of their own shape
        sides = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], 1).clamp_max(1)
        flips = torch.randint(2, (count, 1), generator=rng) * int(self.flip)
        return torch.cat([(self.UNIT * torch.cat([sides, draws[:, 2:]], 1)).long(), flips], 1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Bilinear, without looking beyond the edges of the part."""
        size = torch.tensor(images.shape[2:], device=images.device)
        shares = parameters[:, :4].to(images.device).double() / self.UNIT
        sides = (shares[:, :2] * size).round().clamp_min(1)  # (B, 2) whole pixels
        first = (shares[:, 2:] * (size - sides + 1)).floor()
        flip = parameters[:, 4].to(images.device).bool()
        rows = self.between(first[:, 0], sides[:, 0], images.shape[2], torch.zeros_like(flip))
        columns = self.between(first[:, 1], sides[:, 1], images.shape[3], flip)
        batch = torch.arange(len(images), device=images.device)[:, None, None]
        total = torch.zeros(len(images), *images.shape[2:], images.shape[1], device=images.device)
        for row, down in rows:
            for column, across in columns:
                # Advanced indices around a slice come first: (B, H, W, C).
                part = images[batch, :, row[:, :, None], column[:, None, :]]
                total += part * (down[:, :, None] * across[:, None, :])[..., None]
        return total.round_().to(torch.uint8).permute(0, 3, 1, 2)

    @staticmethod
    def between(first: Tensor, side: Tensor, size: int, flip: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The two pixels (B, size) between which each one of the result lies, along an axis, and their weights."""
        at = torch.arange(size, device=first.device)
        at = torch.where(flip[:, None], size - 1 - at, at)
        at = ((at + 0.5) * (side / size)[:, None] - 0.5).clamp_min(0)
        low = at.floor()
        high = torch.minimum(low + 1, side[:, None] - 1)
        rest = (at - low).float()
        return [((first[:, None] + low).long(), 1 - rest), ((first[:, None] + high).long(), rest)]


class Normalize:
    """Bytes to floats with zero mean and unit spread per channel, as torchvision's ToTensor and Normalize do.

    Images that lie elsewhere come to ``device``.
    """

    memory_format = torch.contiguous_format  # of its results; a model with weights of the same layout is fastest

    def __init__(self, mean: list[float], std: list[float], device: torch.device) -> None:
        self.mean = torch.tensor(mean, device=device)[:, None, None]
        self.std = torch.tensor(std, device=device)[:, None, None]

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, H, W) uint8 to float32."""
        floats = images.to(self.mean.device, torch.float32, memory_format=self.memory_format)
        return floats.div_(255).sub_(self.mean).div_(self.std)


class Cast:
    """Vectors as they are, in float32: what normalization is to images. They come to ``device`` from elsewhere."""

    memory_format = torch.contiguous_format

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, vectors: Tensor) -> Tensor:
        """(B, d) float16 or float32 to float32."""
        return vectors.to(self.device, torch.float32)
