"""Augmentation by torchvision's random transforms, image by image."""

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.data.augmentation import CropFlip
from alrun.system.torchvision_import import torchvision  # noqa: F401 - lets the transforms that conf/ names be imported


class Policy:
    """A crop and flip, then a random transform of torchvision, drawn for every image on its own.

    Args:
        transform: Of uint8 images (C, H, W), such as ``torchvision.transforms.v2.TrivialAugmentWide()``.
        padding: Zeros around the image, in pixels, as in CropFlip.
        flip: Whether half of the images are mirrored, as in CropFlip.
    """

    def __init__(self, transform: Callable[[Tensor], Tensor], padding: Annotated[int, Ge(0)], flip: bool) -> None:
        self.transform = transform
        self.crop_flip = CropFlip(padding, flip)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """The parameters of the crop and flip, and a seed for the transform: (count, 4) int64."""
        seeds = torch.randint(2**62, (count, 1), generator=rng)
        return torch.cat([self.crop_flip.draw(count, rng), seeds], dim=1)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Altered copies (B, C, H, W); the transform draws from torch's CPU generator, which is then restored."""
        cropped = self.crop_flip.apply(images, parameters[:, :3])
        altered = []
        with torch.random.fork_rng(devices=[]):
            for image, seed in zip(cropped, parameters[:, 3].tolist(), strict=True):
                torch.default_generator.manual_seed(seed)
                altered.append(self.transform(image))
        return torch.stack(altered)
