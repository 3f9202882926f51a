"""VGG with batch norm for small images."""

from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from alrun.models.classifier import Classifier

# Convolutions of each stage; max pooling halves the image after it. Each stage but the last is twice as wide as the one
# before.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Vgg(Classifier):
    """3x3 convolutions with batch norm in five stages and average pooling; the embedding is 8 times the width, 512-d.

    ``depth`` 11: 9,231,114 parameters for CIFAR-10; 19: 20,040,522. ``width`` is that of the first stage. Odd sizes are
    rounded up when they are halved, so that images of 28 pixels go through all five stages as those of 32 do.

    Source: Simonyan and Zisserman 2015, Table 1, with one linear layer instead of three.
    """

    def __init__(
        self,
        channels: int,
        image_size: tuple[int, int],
        classes: int,
        depth: Literal[11, 13, 16, 19],
        width: Annotated[int, Ge(1)] = 64,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for convolutions, factor in zip(STAGES[depth], (1, 2, 4, 8, 8), strict=True):
            for _ in range(convolutions):
                outputs = factor * width
                layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
                channels = outputs
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8 * width, classes)
