"""ResNet-18 for small images."""

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from alrun.models.classifier import Classifier


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around a shortcut (He et al. 2016, Figure 5 left)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return F.relu(self.branch(x) + self.shortcut(x))

    def branch(self, x: Tensor) -> Tensor:
        """What is added to the shortcut: (B, outputs, H / stride, W / stride)."""
        return self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))


class ResNet18(Classifier):
    """ResNet-18 with the CIFAR stem: 3x3 convolution, stride 1, no max pooling; 11,173,962 parameters for CIFAR-10.

    ``width`` is that of the first of four stages; each of the others is twice as wide as the one before.
    """

    block: type[nn.Module] = BasicBlock  # called with input channels, output channels and stride

    def __init__(
        self, channels: int, image_size: tuple[int, int], classes: int, width: Annotated[int, Ge(1)] = 64
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(width), nn.ReLU())
        blocks, inputs = [], width
        for factor, stride in ((1, 1), (2, 2), (4, 2), (8, 2)):
            outputs = factor * width
            blocks += [self.block(inputs, outputs, stride), self.block(outputs, outputs, 1)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(8 * width, classes)

    def embed(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 8 * width)."""
        return self.blocks(self.stem(images)).mean(dim=(2, 3))
