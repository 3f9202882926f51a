"""The training step. The trainer sees ``step`` and ``read``; how a step is executed is decided here."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.augment import Augmentation
from alrun.model import Classifier
from alrun.pool import Pool


class EagerEngine:
    """Runs each operation as it comes; nothing is read from the device until ``read``."""

    def __init__(
        self,
        model: Classifier,
        pool: Pool,
        optimizer: torch.optim.Optimizer,
        augmentation: Augmentation,
        normalize: Callable[[Tensor], Tensor],
    ) -> None:
        self.model = model
        self.pool = pool
        self.optimizer = optimizer
        self.augmentation = augmentation
        self.normalize = normalize
        device = pool.images.device
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.loss = torch.zeros((), device=device)

    def step(self, index: Tensor, parameters: Tensor) -> None:
        """Forward, backward and update on ``pool.images[index]`` (B,), altered by ``parameters`` (B, k)."""
        images = self.images(index, parameters)
        labels = self.pool.labels[index]
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.correct += (logits.argmax(1) == labels).sum()
            self.loss += loss.detach() * len(index)

    def images(self, index: Tensor, parameters: Tensor) -> Tensor:
        """``pool.images[index]``, altered by ``parameters`` and normalised: (B, C, H, W)."""
        return self.normalize(self.augmentation.apply(self.pool.images[index], parameters))

    def read(self) -> tuple[int, float]:
        """Correct predictions and summed loss since the last read: the one synchronisation of an epoch."""
        values = int(self.correct), float(self.loss)
        self.correct.zero_()
        self.loss.zero_()
        return values
