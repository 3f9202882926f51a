"""VGG with batch norm for small images."""

from torch import nn

from alrun.errors import UserError
from alrun.model import Classifier

# Convolutions of each stage; max pooling halves the image after it. Widths are 64, 128, 256, 512, 512.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Vgg(Classifier):
    """3x3 convolutions with batch norm in five stages, average pooling, 512-d embedding.

    ``depth`` 11: 9,231,114 parameters for CIFAR-10; 19: 20,040,522. Odd sizes are rounded up when they are halved, so
    that images of 28 pixels go through all five stages as those of 32 do.

    Source: Simonyan and Zisserman 2015, Table 1, with one linear layer instead of three.
    """

    def __init__(self, channels: int, image_size: tuple[int, int], classes: int, depth: int) -> None:
        super().__init__()
        if depth not in STAGES:
            raise UserError(f"model.depth={depth}: VGG has depths {', '.join(map(str, STAGES))}.")
        layers: list[nn.Module] = []
        for convolutions, width in zip(STAGES[depth], (64, 128, 256, 512, 512), strict=True):
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(512, classes)
