"""Checks before training that the parts of a run fit together."""

from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from alrun.data.augmentation import Augmentation, NoAugmentation
from alrun.data.dataset import ImageData
from alrun.features.finetune import Pretrained
from alrun.models.classifier import Classifier
from alrun.pool.annotator import Perfect
from alrun.pool.cost import ByClass
from alrun.pool.per_class_cap import NoCap
from alrun.pool.redundancy import NoRedundancy
from alrun.strategies.seed_set import EveryClassSeedSet, PerClassSeedSet
from alrun.system.errors import SettingError, first_line

OTHERWISE = {"seed_set": "random, or seed_set.per_class=false", "annotator": "perfect"}  # where labels are not known
TRIED = 16  # images; a random transform may fail with some of its draws only
# What a network raises when images have the wrong size; some assert, some return a tuple while they train.
MISFIT = (RuntimeError, ValueError, AssertionError, AttributeError, TypeError, IndexError)


def check_padding(key: str, node: DictConfig, data: ImageData) -> None:
    """Refuse padding that is larger than the images."""
    if data.is_vectors:
        return
    padding, side = node.get("padding"), max(data.image_size)
    if isinstance(padding, int) and padding > side:
        raise SettingError(f"{key}.padding={padding} is more than the {side} pixels of the images: lower it.")


def check_augmentation(augmentation: Augmentation, data: ImageData) -> None:
    """Augment a few images, so that a transform that does not fit fails at once; random states stay as they are.

    Raises:
        UserError: It fails.
    """
    if data.is_vectors:
        if not isinstance(augmentation, NoAugmentation):
            name = type(augmentation).__name__
            raise SettingError(
                f"augmentation: {name} alters images, and the pool holds vectors: use augmentation=none."
            )
        return
    images = torch.from_numpy(np.ascontiguousarray(data.train_images[:TRIED]))
    with torch.random.fork_rng(devices=[]):
        try:
            augmentation.apply(images, augmentation.draw(len(images), torch.Generator().manual_seed(0)))
        except MISFIT as error:
            name = type(getattr(augmentation, "transform", augmentation)).__name__
            raise SettingError(f"augmentation: {name} fails on the images: {first_line(error)}.") from error


def check_until(accuracy: float | None, data: ImageData) -> None:
    """Refuse to end a run at a test accuracy if there is no test set.

    Raises:
        UserError: That is so.
    """
    if accuracy is not None and not len(data.test_labels):
        raise SettingError(
            f"budget.until_accuracy={accuracy} needs a test set, and there is none: leave it out, and let stopping=... "
            "end the run."
        )


def check_model(model: Classifier, data: ImageData) -> None:
    """Pass two images through, in training and in evaluation mode, so that a network that does not fit fails at once.

    Raises:
        UserError: It fails, or its embeddings or logits have a wrong shape.
    """
    images = torch.zeros(2, *data.train_images.shape[1:])
    if isinstance(model, Pretrained):
        images = model.preprocessing(images.to(torch.uint8))
    name = f"model: {type(getattr(model, 'network', model)).__name__}"  # of the network that is adapted, if one is
    try:
        with torch.no_grad():
            model.train()
            model(images)
            model.eval()
            embedding, logits = model.embed(images).shape, model(images).shape
    except MISFIT as error:
        what = "vectors of" if data.is_vectors else "images of shape (channels, height, width)"
        raise SettingError(f"{name} does not work on {what} {tuple(images.shape[1:])}: {first_line(error)}.") from error
    if len(embedding) != 2 or logits != (2, data.classes):
        raise SettingError(
            f"{name} gives embeddings {tuple(embedding)} and logits {tuple(logits)} for two examples; they must be "
            f"(2, any) and (2, {data.classes})."
        )


def check_unlabeled(cfg: DictConfig, redundancy: Any, chooser: Any, cap: Any, annotator: Any, cost: Any) -> None:
    """Refuse settings that read the labels of the whole pool, if people label it.

    Raises:
        UserError: A setting reads them.
    """
    reads = {
        "redundancy": not isinstance(redundancy, NoRedundancy),
        "per_class_cap": not isinstance(cap, NoCap),
        "seed_set": isinstance(chooser, EveryClassSeedSet)
        or (isinstance(chooser, PerClassSeedSet) and getattr(chooser, "per_class", True)),
        "annotator": not isinstance(annotator, Perfect),
        "cost": isinstance(cost, ByClass),
    }
    for key, does in reads.items():
        if does:
            raise SettingError(
                f"{key}={cfg[key]._target_.rpartition('.')[2]} reads labels of the whole pool, which are to be asked "
                f"for here: use {key}={OTHERWISE.get(key, 'none')}."
            )
