"""The steps of an epoch. The trainer calls ``epoch`` and ``read``; this file decides how they are executed."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from alrun.data.augmentation import Augmentation
from alrun.pool.pool import Pool
from alrun.training.cuda_graph import Passes
from alrun.training.optimizer import Descent

BLOCK = 1000  # images that are altered together: enough to hide what a call costs, few enough for the caches


class Engine:
    """Takes the steps; nothing is read from the device until ``read``.

    Args:
        passes: Of the model, which is in training mode.
        pool: Its images are on the device.
        descent: Of the model's parameters.
        augmentation: Alters a block of images at a time.
        normalize: Bytes to floats.
        batch_size: The last, smaller batch of an epoch is kept; a single left-over example joins the batch before
            it, since batch norm cannot train on one.
        shift: Is added to the logits in the loss (classes,), not in what counts as correct; None: nothing is.
    """

    def __init__(
        self,
        passes: Passes,
        pool: Pool,
        descent: Descent,
        augmentation: Augmentation,
        normalize: Callable[[Tensor], Tensor],
        batch_size: int,
        shift: Tensor | None = None,
    ) -> None:
        self.passes = passes
        self.pool = pool
        self.descent = descent
        self.augmentation = augmentation
        self.normalize = normalize
        self.batch_size = batch_size
        self.shift = shift
        self.totals = torch.zeros(2, dtype=torch.float64, device=pool.device)  # correct predictions, loss

    def epoch(
        self,
        index: Tensor,
        parameters: Tensor,
        weights: Tensor | None = None,
        taken: int = 0,
        after: Callable[[int], None] = lambda taken: None,
    ) -> int:
        """Steps on all of ``pool.images[index]`` (k,), in this order; how many steps an epoch has.

        ``parameters`` (k, p), on the CPU, are those of the augmentation, ``weights`` (k,) factors of the losses. The
        first ``taken`` steps are skipped: they were taken before. ``after`` is called after each step with the number
        of steps so far.
        """
        parts = batches(len(index), self.batch_size)
        images = self.images(index, parameters, taken)
        labels = self.pool.labels[index]
        for number, part in enumerate(parts[taken:], taken + 1):
            self.step(next(images), labels[part], None if weights is None else weights[part])
            after(number)
        return len(parts)

    def step(self, images: Tensor, labels: Tensor, weights: Tensor | None) -> None:
        """Forward pass, backward pass and update for one batch."""
        logits = self.passes(images)
        smoothing = self.descent.settings.label_smoothing
        shifted = logits if self.shift is None else logits + self.shift
        if weights is None:
            loss = F.cross_entropy(shifted, labels, label_smoothing=smoothing)
        else:
            loss = (weights * F.cross_entropy(shifted, labels, reduction="none", label_smoothing=smoothing)).mean()
        self.descent.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.descent.optimizer.step()
        with torch.no_grad():
            self.totals += torch.stack([(logits.argmax(1) == labels).sum(), loss * len(labels)])

    def images(self, index: Tensor, parameters: Tensor, taken: int = 0) -> Iterator[Tensor]:
        """``pool.images[index]``, altered by ``parameters`` and normalized, batch by batch: (B, C, H, W).

        Without the first ``taken`` batches.
        """
        parts = batches(len(index), self.batch_size)
        per_block = max(1, BLOCK // self.batch_size)
        for first in range(taken - taken % per_block, len(parts), per_block):
            some = parts[first : first + per_block]
            block = slice(some[0].start, some[-1].stop)
            images = self.normalize(self.augmentation.apply(self.pool.take(index[block]), parameters[block]))
            sizes = [part.stop - part.start for part in some]
            yield from images.split(sizes)[max(0, taken - first) :]

    def read(self) -> tuple[int, float]:
        """Correct predictions and summed loss since the last read: the one synchronization of an epoch."""
        correct, loss = self.totals.tolist()
        self.totals.zero_()
        return int(correct), loss


def batches(count: int, size: int) -> list[slice]:
    """Consecutive slices of ``size``, the last one smaller; never a last one of a single example (unless alone)."""
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], count], strict=True)]
