"""Shake-shake-regularized ResNets: Gastaldi's own, and ResNet-18 with two branches in each block."""

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from alrun.models.classifier import Classifier
from alrun.models.resnet import BasicBlock, ResNet18
from alrun.system.errors import SettingError


class Shake(torch.autograd.Function):
    """α a + (1 - α) b forward, with another α, β, for the gradients; both drawn for every image."""

    @staticmethod
    def forward(context: Any, a: Tensor, b: Tensor) -> Tensor:  # type: ignore[override]
        """Two maps (B, C, H, W) to their mixture."""
        return torch.lerp(b, a, drawn(a))

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """The gradient, split between the two maps by β."""
        share = drawn(gradient)
        return share * gradient, (1 - share) * gradient


def drawn(like: Tensor) -> Tensor:
    """A uniform number for each image of ``like``: (B, 1, 1, 1), from torch's global generator."""
    return torch.rand(len(like), 1, 1, 1, dtype=like.dtype, device=like.device)


class Branch(nn.Sequential):
    """ReLU, 3x3 convolution, batch norm, twice."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )


class Downsample(nn.Module):
    """Shortcut at half the size: two 1x1 convolutions over pixels that lie one step apart, side by side."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.even = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.odd = nn.Conv2d(inputs, outputs - outputs // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        x = F.relu(x)
        shifted = F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
        halves = (
            self.even(x[:, :, :: self.stride, :: self.stride]),
            self.odd(shifted[:, :, :: self.stride, :: self.stride]),
        )
        return self.norm(torch.cat(halves, 1))


class Block(nn.Module):
    """Two branches, mixed at random in training and evenly in evaluation, around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(inputs, outputs, stride) for _ in range(2))
        self.shortcut = Downsample(inputs, outputs, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        a, b = (branch(x) for branch in self.branches)
        return self.shortcut(x) + mixed(a, b, self.training)


def mixed(a: Tensor, b: Tensor, training: bool) -> Tensor:
    """Two maps (B, C, H, W), mixed at random in training and evenly in evaluation."""
    result = Shake.apply(a, b) if training else (a + b) / 2
    assert isinstance(result, Tensor)
    return result


class ShakeShake(Classifier):
    """Three stages of shake-shake blocks, shaken forward and backward, image by image ("Shake-Shake-Image").

    Args:
        channels: Of the images.
        image_size: Height and width.
        classes: Number of classes.
        depth: Layers, 6 for each block of all stages and 2 more; 14 in the paper's experiments.
        width: Channels of the first stage, doubled in each following one. 26 layers of width 32 have 2.9 M parameters.

    Source: Gastaldi, Shake-Shake regularization, 2017, Sections 2 and 3.
    """

    def __init__(
        self,
        channels: int,
        image_size: tuple[int, int],
        classes: int,
        depth: int = 14,
        width: Annotated[int, Ge(1)] = 32,
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise SettingError(
                f"model.depth={depth}: shake-shake has depths 8, 14, 20, 26 ...: six layers a block, and two."
            )
        self.stem = nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        blocks, inputs = [], 16
        for stage in range(3):
            outputs = width * 2**stage
            for position in range((depth - 2) // 6):
                blocks.append(Block(inputs, outputs, 2 if stage and not position else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)

    def embed(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 4 width)."""
        return F.relu(self.blocks(self.stem(images))).mean(dim=(2, 3))


class ShakenBasicBlock(BasicBlock):
    """ResNet-18's block with a second branch like its own, the two mixed before the shortcut is added."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        self.other = BasicBlock(inputs, outputs, stride)
        self.other.shortcut = nn.Sequential()  # the block itself has the only one

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return F.relu(mixed(self.branch(x), self.other.branch(x), self.training) + self.shortcut(x))


class ShakeShakeResNet18(ResNet18):
    """ResNet-18 for small images whose blocks have two shaken branches as in ``ShakeShake``.

    The paper's "shake-shake-regularized ResNet-18" (note on Table 5): Appendix C replaces "the standard sum of
    branches in existing residual networks with a stochastic affine combination". 22,167,114 parameters for CIFAR-10.
    """

    block = ShakenBasicBlock
