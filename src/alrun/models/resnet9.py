"""A residual network of nine layers that two processor cores can train."""

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from alrun.models.classifier import Classifier


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution with batch norm: (B, inputs, H, W) to (B, outputs, H, W)."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(convolution(width, width), convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same."""
        return x + self.branch(x)


class ResNet9(Classifier):
    """Eight convolutions, two shortcuts and a linear layer, after D. Page's network for DAWNBench (2018).

    ``width`` is that of the first convolution; three more double it and halve the image. 16 are 0.41 million
    parameters for CIFAR-10, 64 are 6.6 million. Images must have 8 pixels a side or more.
    """

    def __init__(
        self, channels: int, image_size: tuple[int, int], classes: int, width: Annotated[int, Ge(1)] = 16
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            convolution(channels, width),
            *(convolution(width, 2 * width), nn.MaxPool2d(2), Residual(2 * width)),
            *(convolution(2 * width, 4 * width), nn.MaxPool2d(2)),
            *(convolution(4 * width, 8 * width), nn.MaxPool2d(2), Residual(8 * width)),
        )
        self.head = nn.Linear(8 * width, classes)

    def embed(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 8 * width): the maximum over the image."""
        return F.adaptive_max_pool2d(self.blocks(images), 1).flatten(1)
