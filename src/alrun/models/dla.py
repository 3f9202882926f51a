"""Deep layer aggregation (DLA-34) for small images."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, MultipleOf
from torch import Tensor, nn

from alrun.models.classifier import Classifier
from alrun.models.resnet import BasicBlock


class Root(nn.Module):
    """An aggregation node: 1x1 convolution over the outputs of several nodes, batch norm, ReLU (Equation 5)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, *nodes: Tensor) -> Tensor:
        """Maps of (B, any, H, W), together ``inputs`` channels, to (B, outputs, H, W)."""
        return F.relu(self.norm(self.conv(torch.cat(nodes, 1))))


class Tree(nn.Module):
    """Hierarchical deep aggregation: two subtrees in sequence, their outputs joined in one root.

    A subtree hands its output straight to the root further up, not level by level (Figure 2 f).

    Args:
        levels: Depth; at 1 the subtrees are residual blocks.
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first block.
        handed: Channels that nodes further up add to the root.
    """

    def __init__(self, levels: int, inputs: int, outputs: int, stride: int, handed: int = 0) -> None:
        super().__init__()
        self.levels = levels
        if levels == 1:
            self.left: nn.Module = BasicBlock(inputs, outputs, stride)
            self.right: nn.Module = BasicBlock(outputs, outputs, 1)
            self.root = Root(2 * outputs + handed, outputs)
        else:
            self.left = Tree(levels - 1, inputs, outputs, stride)
            self.right = Tree(levels - 1, outputs, outputs, 1, handed + outputs)

    def forward(self, x: Tensor, *handed: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        left = self.left(x)
        if self.levels > 1:
            return self.right(left, *handed, left)
        return self.root(self.right(left), left, *handed)


class Dla(Classifier):
    """DLA-34 with a stem of 3x3 convolutions of stride 1 instead of the 7x7 one; 512-d embedding, 8 times the width.

    Stages after the first one also hand their downsampled input to their root. ``width`` is that of the first stage, a
    multiple of 4; each of the others is twice as wide as the one before.

    Source: Yu et al., Deep Layer Aggregation, CVPR 2018, Figure 3 and Table 1.
    """

    def __init__(
        self, channels: int, image_size: tuple[int, int], classes: int, width: Annotated[int, Ge(4), MultipleOf(4)] = 64
    ) -> None:
        super().__init__()
        quarter, half = width // 4, width // 2
        self.stem = nn.Sequential(
            convolution(channels, quarter), convolution(quarter, quarter), convolution(quarter, half)
        )
        self.first = Tree(1, half, width, 1)
        self.stages = nn.ModuleList(
            Tree(levels, factor * width, 2 * factor * width, 2, handed=factor * width)
            for levels, factor in ((2, 1), (2, 2), (1, 4))
        )
        self.head = nn.Linear(8 * width, classes)

    def embed(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 8 * width)."""
        x = self.first(self.stem(images))
        for stage in self.stages:
            x = stage(x, F.max_pool2d(x, 2, ceil_mode=True))  # the convolutions of stride 2 round up as well
        return x.mean(dim=(2, 3))


def convolution(inputs: int, outputs: int) -> nn.Module:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
