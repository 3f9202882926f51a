"""From settings to objects: everything that a run is made of, checked against one another before training."""

from dataclasses import dataclass

import numpy as np
import torch
from omegaconf import DictConfig

from alrun import config, infer, rng
from alrun.augment import Augmentation, Normalize
from alrun.data.dataset import ImageData
from alrun.dss import Subset
from alrun.errors import UserError, first_line
from alrun.model import Classifier, has_dropout
from alrun.pool import Pool
from alrun.strategies.base import Strategy
from alrun.train import StopRule, Trainer
from alrun.validate import check_budget, check_dropout


@dataclass(frozen=True)
class Parts:
    """The objects that the open settings name."""

    data: ImageData
    model: Classifier  # on the CPU; its weights are those of the last reset
    strategy: Strategy
    trainer: Trainer
    normalize: Normalize


def build_parts(cfg: DictConfig, where: torch.device) -> Parts:
    """Build everything that the settings name, so that a mistake in any shows before training.

    Raises:
        UserError: A setting is wrong, or two do not go together.
    """
    strategy: Strategy = config.build(cfg.strategy, "strategy")
    augmentation: Augmentation = config.build(cfg.augmentation, "augmentation")
    subset: Subset = config.build(cfg.dss, "dss")
    optimizer = config.build(cfg.optimizer.build, "optimizer.build")
    schedule = config.build(cfg.optimizer.schedule, "optimizer.schedule") if cfg.optimizer.schedule else None
    data: ImageData = config.build(cfg.dataset, "dataset", root=cfg.paths.data)
    if cfg.limit is not None:
        data = data.thinned(cfg.limit)
    model = build_model(cfg, data)
    check_model(model, data)
    if not has_dropout(model):
        check_dropout(strategy.needs.dropout_samples, type(model).__name__)
    try:
        made = optimizer(model.parameters())
        if schedule:
            schedule(made)
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer: {error}.") from error
    assert data.mean is not None
    assert data.std is not None
    normalize = Normalize(data.mean, data.std, where)
    training = cfg.training
    stop = StopRule(training.max_epochs, training.stop_accuracy, training.patience, training.min_gain)
    trainer = Trainer(optimizer, schedule, augmentation, normalize, subset, stop, training.batch_size)
    return Parts(data, model, strategy, trainer, normalize)


def build_model(cfg: DictConfig, data: ImageData) -> Classifier:
    """A model for this data, with weights drawn from torch's global generator."""
    model = config.build(cfg.model, "model", channels=data.channels, image_size=data.image_size, classes=data.classes)
    if not isinstance(model, Classifier):
        raise UserError(f"model._target_={cfg.model._target_} does not make an alrun.model.Classifier.")
    return model


def check_model(model: Classifier, data: ImageData) -> None:
    """Pass two images through, so that a network that does not fit the images shows at once.

    Raises:
        UserError: It fails, or its logits have another shape than (2, classes).
    """
    images = torch.zeros(2, *data.train_images.shape[1:])
    try:
        with infer.evaluation(model):
            shape = tuple(model(images).shape)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"model: {type(model).__name__} does not work on images of shape {tuple(images.shape[1:])}: "
            f"{first_line(error)}."
        ) from error
    if shape != (2, data.classes):
        raise UserError(f"model: {type(model).__name__} gives {shape} for two images of {data.classes} classes.")


def build_pool(cfg: DictConfig, data: ImageData, where: torch.device) -> tuple[Pool, torch.Tensor]:
    """The pool on ``where`` with nothing labeled yet, and the seed set.

    Raises:
        UserError: The budget is larger than the pool.
    """
    numbers = np.random.default_rng(rng.derive(cfg.initial_seed, "redundancy"))
    redundancy = config.build(cfg.redundancy, "redundancy")
    images, labels = redundancy.apply(data.train_images, data.train_labels, numbers)
    check_budget(cfg, len(images))
    pool = Pool(torch.from_numpy(images).to(where), torch.from_numpy(labels).to(where))
    draws = rng.generator(cfg.initial_seed, "seed_set")
    chooser = config.build(cfg.seed_set, "seed_set")
    seed_set = chooser.choose(pool.images, pool.labels, cfg.budget.seed_size, draws)
    pool.buyable = config.build(cfg.per_class_cap, "per_class_cap").buyable(pool.labels, seed_set)
    return pool, seed_set
