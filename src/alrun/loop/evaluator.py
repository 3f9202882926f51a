"""Evaluates the models of a run on its test split."""

from collections.abc import Callable

import torch
from torch import Tensor

from alrun.data.dataset import ImageData
from alrun.data.rare import rare_classes
from alrun.models.classifier import Classifier
from alrun.pool.build import place_images
from alrun.training.evaluation import Evaluation, evaluate


class Evaluator:
    """The test split of a data set, on the device of the run.

    Args:
        data: Has the test split.
        where: The device.
        normalize: Turns its images or vectors into floats.
        chunk: Images in a forward pass.
    """

    def __init__(self, data: ImageData, where: torch.device, normalize: Callable[[Tensor], Tensor], chunk: int) -> None:
        self.data = data
        self.images = place_images(data.test_images, where)
        self.labels = torch.from_numpy(data.test_labels).to(where)
        self.normalize = normalize
        self.chunk = chunk

    def evaluate(self, model: Classifier) -> Evaluation:
        """The results of ``model``.

        Raises:
            UserError: A logit is not finite.
        """
        data = self.data
        rare, groups = rare_classes(data), data.test_groups
        return evaluate(model, self.images, self.labels, self.normalize, self.chunk, data.classes, rare, groups)
