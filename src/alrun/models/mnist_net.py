"""The paper's network for MNIST."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from alrun.models.classifier import Classifier
from alrun.system.errors import SettingError


class MnistNet(Classifier):
    """Two unpadded 3x3 convolutions, max pooling, dropout; the embedding is 4 times the width, 128-d.

    ``width`` is that of the first convolution.

    Source: Appendix A.4 of the paper.
    """

    def __init__(
        self, channels: int, image_size: tuple[int, int], classes: int, width: Annotated[int, Ge(1)] = 32
    ) -> None:
        super().__init__()
        rows, columns = image_size
        if min(rows, columns) < 6:
            raise SettingError(f"model=mnist_net needs images of 6x6 pixels or more, these are {rows}x{columns}.")
        flat = 2 * width * ((rows - 4) // 2) * ((columns - 4) // 2)  # 9,216 at 28x28
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3),
            nn.MaxPool2d(2),  # before the ReLU, with which it commutes: a quarter of its work
            nn.ReLU(),
            nn.Dropout2d(0.25),
            nn.Flatten(),
            nn.Linear(flat, 4 * width),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(4 * width, classes)
