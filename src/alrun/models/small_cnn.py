"""A small network for digits and for experiments on a CPU."""

from typing import Annotated

from annotated_types import Ge, Lt
from torch import nn

from alrun.models.classifier import Classifier


class SmallCnn(Classifier):
    """Two 3x3 convolutions with batch norm, pooling to 4x4, one hidden layer; images of any size."""

    def __init__(
        self,
        channels: int,
        image_size: tuple[int, int],
        classes: int,
        width: Annotated[int, Ge(1)] = 16,
        embedding: Annotated[int, Ge(1)] = 64,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            pooling((image_size[0] // 2, image_size[1] // 2)),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(2 * width * 16, embedding),
            nn.ReLU(),
        )
        self.head = nn.Linear(embedding, classes)


def pooling(size: tuple[int, int]) -> nn.Module:
    """Average pooling of images of ``size`` to 4x4, over equal parts if possible.

    The parts of AdaptiveAvgPool2d may overlap, and the order of sums in its gradient on a GPU varies.
    """
    if size[0] % 4 == size[1] % 4 == 0 and min(size) > 0:
        return nn.AvgPool2d((size[0] // 4, size[1] // 4))
    return nn.AdaptiveAvgPool2d(4)
