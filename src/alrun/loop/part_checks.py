"""Checks before training that the parts of a run fit together."""

import inspect
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from alrun.data.augmentation import Augmentation, NoAugmentation
from alrun.data.dataset import ImageData
from alrun.features.finetune import Pretrained
from alrun.models.classifier import Classifier, has_dropout
from alrun.models.linear import Linear
from alrun.models.outputs import Needs
from alrun.pool.annotator import Perfect
from alrun.pool.cost import ByClass
from alrun.pool.per_class_cap import Cap, NoCap
from alrun.pool.pool import Pool
from alrun.pool.redundancy import NoRedundancy
from alrun.settings import schedule, targets
from alrun.settings.checks import check_dropout
from alrun.settings.option_names import named
from alrun.strategies.base import Strategy, strategies_within
from alrun.strategies.seed_set import EveryClassSeedSet, PerClassSeedSet
from alrun.system.errors import SettingError, first_line
from alrun.training.convex import Convex
from alrun.training.learner import Learner
from alrun.training.subsets.base import NoSubset, Subset

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
            raise SettingError(
                f"{named(augmentation, 'augmentation')} alters images, and the pool holds vectors: "
                "use augmentation=none."
            )
        return
    images = torch.from_numpy(np.ascontiguousarray(data.train_images[:TRIED]))
    with torch.random.fork_rng(devices=[]):
        try:
            augmentation.apply(images, augmentation.draw(len(images), torch.Generator().manual_seed(0)))
        except MISFIT as error:
            raise SettingError(
                f"{named(getattr(augmentation, 'transform', augmentation), 'augmentation')} fails on the images: "
                f"{first_line(error)}; change its settings, or use augmentation=none."
            ) from error


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


def check_cap(cfg: DictConfig, cap: Cap, pool: Pool) -> None:
    """Refuse a cap that leaves fewer examples to query than the budget asks for, if nothing else may end the run.

    Raises:
        UserError: That is so.
    """
    may_end = cfg.budget.until_accuracy is not None or not str(cfg.stopping._target_).endswith(".NoStopping")
    if pool.queryable is None or may_end or isinstance(cap, NoCap):
        return
    answers = schedule.labels_by_round(cfg.budget, cfg.validation)
    opinions = schedule.opinions_of(cfg.annotator)
    wanted, there = (answers[-1] - answers[0]) // opinions, int(pool.queryable.sum())
    if there < wanted:
        raise SettingError(
            f"per_class_cap leaves {there} examples to query after the seed set, and the budget asks for {wanted}: "
            f"lower budget.total to {answers[0] + there * opinions}, or raise per_class_cap.limit."
        )


def check_model(model: Classifier, data: ImageData) -> None:
    """Pass two images through, in training and in evaluation mode, so that a network that does not fit fails at once.

    Raises:
        UserError: It fails, or its embeddings or logits have a wrong shape.
    """
    images = torch.zeros(2, *data.train_images.shape[1:])
    if isinstance(model, Pretrained):
        images = model.preprocessing(images.to(torch.uint8))
    name = named(getattr(model, "network", model), "model")  # of the network that is adapted, if one is
    if not isinstance(getattr(model, "head", None), torch.nn.Linear):
        raise SettingError(
            f"{name} has no torch.nn.Linear as its head, of which strategies read gradients and embeddings: make one, "
            "and put the layers before it into features or embed."
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise SettingError(f"{name} has no weight that is trained: leave requires_grad of its head as it is.")
    try:
        with torch.no_grad():
            model.train()
            model(images)
            model.eval()
            embedding, logits = model.embed(images).shape, model(images).shape
    except MISFIT as error:
        kind = "vectors of" if data.is_vectors else "images of shape (channels, height, width)"
        what = f"{kind} {tuple(images.shape[1:])}"
        raise SettingError(
            f"{name} does not work on {what}: {first_line(error)}; use another model, or other data."
        ) from error
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
            raise reads_labels(cfg[key], key)


def reads_labels(part: Any, key: str) -> SettingError:
    """The error for a ``part`` of the settings that reads labels of the whole pool, where people give them."""
    return SettingError(
        f"{named(part, key)} reads labels of the whole pool, which people have yet to give here: "
        f"use {key}={OTHERWISE.get(key, 'none')}."
    )


def check_takes(model: DictConfig, data: ImageData) -> None:
    """Refuse a model of images for vectors, and one of vectors for images, by what its class takes."""
    takes = inspect.signature(
        targets.import_target(model.get("_target_"), "model", targets.kinds_at("model"))
    ).parameters
    if any(each.kind is each.VAR_KEYWORD for each in takes.values()) or set(data.shape) <= set(takes):
        return
    name = named(model, "model")
    if data.is_vectors:
        (count,) = data.shape.values()
        raise SettingError(
            f"{name} takes images, and the pool holds vectors of {count} numbers: use model=linear or model=mlp, or a "
            "class of your own whose constructor takes features, their number, instead of channels and image_size."
        )
    if "features" in takes:
        raise SettingError(
            f"{name} takes vectors, and the pool holds images: add encoder=..., such as encoder=torchvision, "
            "or use a network for images, such as model=small_cnn."
        )


def check_samples(samples: int, model: Classifier) -> None:
    """Refuse more passes that disagree than ``model`` can give.

    Raises:
        UserError: It has no dropout and no ensemble, or an ensemble of fewer.
    """
    if not model.ensemble and not has_dropout(model):
        check_dropout(samples, named(model, "model"))
    if 0 < model.ensemble < samples:
        fewer = f" or strategy.dropout_samples={model.ensemble}" if model.ensemble > 1 else ""  # one cannot disagree
        raise SettingError(
            f"strategy.dropout_samples={samples}: model.ensemble={model.ensemble} has fewer; "
            f"set model.ensemble={samples}{fewer}."
        )


def check_convex(model: Classifier, augmentation: Augmentation, subset: Subset, balance: str) -> None:
    """Refuse what has no optimum, or changes from epoch to epoch.

    Raises:
        UserError: The model, the augmentation, the subset or the balance is of that kind.
    """
    if not isinstance(model, Linear):
        raise SettingError(
            f"optimizer=convex trains model=linear alone, not {named(model, 'model')}: use optimizer=adam."
        )
    for key, part, none in (("augmentation", augmentation, NoAugmentation), ("dss", subset, NoSubset)):
        if not isinstance(part, none):
            other = ", or model=mlp, which works with it" if key == "dss" else ""
            raise SettingError(
                f"{named(part, key)} changes what an epoch trains on; optimizer=convex has none: use {key}=none{other}."
            )
    if balance == "sampling":
        raise SettingError(
            "training.balance=sampling draws the examples of an epoch, and optimizer=convex has none: use weights or "
            "softmax."
        )


def check_needs(strategy: Strategy) -> None:
    """Refuse ``needs`` that are no ``Needs``.

    Raises:
        UserError: They are something else.
    """
    for each in strategies_within(strategy):
        if not isinstance(each.needs, Needs):
            raise SettingError(
                f"{named(each, 'strategy')} has needs = {each.needs!r}: write them as Needs(...), such as "
                "Needs(log_probs=True)."
            )


def check_oracle(strategy: Strategy, trainer: Learner, data: ImageData) -> None:
    """Refuse an oracle where nobody knows the answers, and where chance decides beside the batch.

    Raises:
        UserError: It is in such a run.
    """
    for each in strategies_within(strategy):
        if not each.is_oracle:
            continue
        name = named(each, "strategy")
        if data.is_unlabeled:
            raise SettingError(
                f"{name} is an oracle: it knows all answers, and here people are to give them: use another strategy."
            )
        if not isinstance(trainer, Convex):
            raise SettingError(
                f"{name} is an oracle, and trains a model for each batch that it tries: use it with "
                "optimizer=convex model=linear, on a pool of vectors."
            )
