"""What is done to images before a pretrained network sees them, as its library states it."""

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from alrun.system.errors import UserError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Preprocessing:
    """Resize the shorter side, cut out the center, then normalize; as torchvision's transforms on uint8 images."""

    size: tuple[int, int]  # height and width that the network sees
    resize: int | None = None  # pixels of the shorter side before the cut; None: the image is stretched to ``size``
    interpolation: str = "bicubic"
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, H, W) uint8 to (B, 3, height, width) float32; gray images fill all channels.

        Raises:
            UserError: Images have another number of channels than the network.
        """
        functional, modes = resizing()

        if images.shape[1] not in (1, len(self.mean)):
            raise UserError(
                f"encoder: it takes {len(self.mean)} channels or gray, these images have {images.shape[1]}."
            )
        images = functional.resize(
            images,
            [self.resize] if self.resize is not None else list(self.size),
            interpolation=modes(self.interpolation),
            antialias=True,
        )
        if self.resize is not None:
            images = functional.center_crop(images, list(self.size))
        mean, std = (torch.tensor(each, device=images.device)[:, None, None] for each in (self.mean, self.std))
        return (images.expand(-1, len(self.mean), -1, -1).float().div_(255) - mean).div_(std)

    def stated(self) -> dict[str, Any]:
        """Its settings as plain values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def resizing() -> tuple[Any, Any]:
    """Torchvision's functions for images and its kinds of interpolation."""
    from alrun.system import torchvision_import  # noqa: F401 - lets it be imported

    v2 = import_module("torchvision.transforms.v2")
    return v2.functional, v2.InterpolationMode


def of_settings(size: int, crop: float, interpolation: str, mean: list[float], std: list[float]) -> Preprocessing:
    """Of settings that a person gives.

    Raises:
        UserError: They make none.
    """
    if len(mean) != len(std) or not mean or min(std) <= 0:
        raise UserError(f"encoder.mean={mean} and encoder.std={std} must have a number for each channel, std above 0.")
    return Preprocessing((size, size), int(size / crop), interpolation, tuple(mean), tuple(std))
