"""The paper's network for MNIST."""

from torch import nn

from alrun.errors import UserError
from alrun.model import Classifier


class MnistNet(Classifier):
    """Two unpadded 3x3 convolutions, max pooling, dropout, 128-d embedding.

    Source: Appendix A.4 of the paper.
    """

    def __init__(self, channels: int, image_size: tuple[int, int], classes: int) -> None:
        super().__init__()
        height, width = image_size
        if min(height, width) < 6:
            raise UserError(f"model=mnist_net needs images of 6x6 pixels or more, these are {height}x{width}.")
        flat = 64 * ((height - 4) // 2) * ((width - 4) // 2)  # 9,216 at 28x28
        self.features = nn.Sequential(
            nn.Conv2d(channels, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),  # before the ReLU, with which it commutes: a quarter of its work
            nn.ReLU(),
            nn.Dropout2d(0.25),
            nn.Flatten(),
            nn.Linear(flat, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(128, classes)
