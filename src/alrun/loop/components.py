"""From settings to objects: everything that a run is made of, checked against one another before training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from alrun.data import card
from alrun.data.augmentation import Augmentation, Normalize
from alrun.data.dataset import ImageData
from alrun.loop.part_checks import (
    check_augmentation,
    check_embeddings,
    check_model,
    check_padding,
    check_unlabeled,
)
from alrun.models.classifier import Classifier, has_dropout
from alrun.pool import build
from alrun.pool.pool import Pool
from alrun.settings import factory, schema
from alrun.settings.checks import check_budget, check_dropout
from alrun.settings.identity import first_round, initial_seed
from alrun.strategies.base import Strategy
from alrun.system import device, rng
from alrun.system.errors import SettingError, first_line
from alrun.system.words import closest
from alrun.training.optimizer import Optimization
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import Subset
from alrun.training.trainer import Trainer


@dataclass(frozen=True)
class Parts:
    """The objects that the open settings name."""

    data: ImageData
    card: dict[str, Any]  # what the data set is, before ``scale`` and ``limit``: see alrun.data.card
    model: Classifier  # on the CPU; its weights are those of the last reset
    strategy: Strategy
    trainer: Trainer
    first_trainer: Trainer  # of round 0: another one where ``first_optimizer`` is given
    normalize: Normalize
    fresh: Callable[[], Classifier]  # another model of the kind, with weights drawn from torch's global generator


def build_parts(cfg: DictConfig, where: torch.device) -> Parts:
    """Build everything that the settings name, so that a mistake in any shows before training.

    Raises:
        UserError: A setting is wrong, or two do not go together.
    """
    strategy: Strategy = factory.build(cfg.strategy, "strategy")
    augmentation: Augmentation = factory.build(cfg.augmentation, "augmentation")
    data: ImageData = factory.build(cfg.dataset, "dataset", root=cfg.paths.data)
    record = card.describe_data(data)
    card.log_card(record)
    data = data.thinned(*sizes(cfg, data))
    if cfg.validation is not None:
        data = data.held_out(cfg.validation, np.random.default_rng(rng.derive(initial_seed(cfg), "validation")))
    strategy = with_known_classes(cfg, strategy, data)
    for key, node in (("augmentation", cfg.augmentation), ("redundancy", cfg.redundancy)):
        check_padding(key, node, data)
    check_augmentation(augmentation, data)
    check_embeddings(strategy, len(data.train_images))
    model = build_model(cfg, data)
    check_model(model, data)
    if not has_dropout(model):
        check_dropout(strategy.needs.dropout_samples, type(model).__name__)
    assert data.mean is not None
    assert data.std is not None
    normalize = Normalize(data.mean, data.std, where)
    trainer = first_trainer = build_trainer(cfg, model, augmentation, normalize, where)
    if cfg.first_optimizer is not None:
        first_trainer = build_trainer(first_round(cfg), model, augmentation, normalize, where)
    return Parts(data, record, model, strategy, trainer, first_trainer, normalize, lambda: build_model(cfg, data))


def build_trainer(
    cfg: DictConfig, model: Classifier, augmentation: Augmentation, normalize: Normalize, where: torch.device
) -> Trainer:
    """What trains ``model`` in a round.

    Raises:
        UserError: A setting of the optimizer or of what goes with it is wrong.
    """
    subset: Subset = factory.build(cfg.dss, "dss")
    optimizer = factory.build(cfg.optimizer.build, "optimizer.build")
    schedule = factory.build(cfg.optimizer.schedule, "optimizer.schedule") if cfg.optimizer.schedule else None
    average = factory.build(cfg.optimizer.swa, "optimizer.swa") if cfg.optimizer.swa else None
    smoothing = cfg.optimizer.get("label_smoothing", 0.0)
    made = attempt(cfg, "build", optimizer, model.parameters())
    if schedule:

        def first_epoch(optimizer: torch.optim.Optimizer) -> None:
            stepper = schedule(optimizer)
            optimizer.step()  # without gradients: nothing moves
            stepper.step()

        attempt(cfg, "schedule", first_epoch, made)
    training = cfg.training
    stop = StopRule(training.max_epochs, training.stop_accuracy, training.patience, training.min_gain)
    return Trainer(
        Optimization(optimizer, schedule, average, smoothing),
        augmentation,
        normalize,
        subset,
        stop,
        training.batch_size,
        device.chunk_size(where, cfg.runtime.chunk),
        cfg.runtime.cuda_graph,
        training.restart_below,
    )


def with_known_classes(cfg: DictConfig, strategy: Strategy, data: ImageData) -> Strategy:
    """``strategy``, or one built anew where classes of ``data`` were given by name."""
    settings = OmegaConf.to_container(cfg.strategy, resolve=True)
    numbered = with_numbers(settings, data, "strategy")
    return strategy if numbered == settings else factory.build(DictConfig(numbered), "strategy")


def with_numbers(settings: Any, data: ImageData, key: str) -> Any:
    """``settings`` (plain values) with classes that are given by name as their numbers, at any depth.

    Raises:
        UserError: The data set has no such class.
    """
    if not isinstance(settings, dict):
        return settings
    return {
        name: [class_number(each, data, f"{key}.{name}") for each in value]
        if name in ("query_classes", "private_classes") and isinstance(value, list)
        else with_numbers(value, data, f"{key}.{name}")
        for name, value in settings.items()
    }


def class_number(given: int | str, data: ImageData, key: str) -> int:
    """The number of a class that is given by its number or its name."""
    if isinstance(given, int):
        if given >= data.classes:
            raise SettingError(f"{key}: there is no class {given}; the last of {data.classes} is {data.classes - 1}.")
        return given
    if data.class_names is None:
        raise SettingError(
            f"{key}: the classes of this data set have no names, such as {given}: give numbers from 0 to "
            f"{data.classes - 1}."
        )
    if given not in data.class_names:
        raise SettingError(f"{key}: there is no class {given}; {closest(given, data.class_names)}")
    return data.class_names.index(given)


def sizes(cfg: DictConfig, data: ImageData) -> list[int]:
    """Training and test examples that ``scale`` and ``limit`` leave of ``data``."""
    whole = ((data.train_labels, cfg.scale.examples), (data.test_labels, cfg.scale.test))
    scaled = (min(len(labels), schema.scaled(len(labels), share)) for labels, share in whole)  # 0 of an empty split
    return [count if cfg.limit is None else min(count, cfg.limit) for count in scaled]


def build_model(cfg: DictConfig, data: ImageData) -> Classifier:
    """A model for this data, with weights drawn from torch's global generator."""
    return factory.build(cfg.model, "model", channels=data.channels, image_size=data.image_size, classes=data.classes)


def attempt(cfg: DictConfig, key: str, make: Callable[[Any], Any], argument: Any) -> Any:
    """``make(argument)``, the optimizer or its schedule.

    Raises:
        UserError: Its settings in ``cfg.optimizer`` are not taken.
    """
    try:
        return make(argument)
    except (TypeError, ValueError, ArithmeticError) as error:
        given = ", ".join(f"{name}={value}" for name, value in cfg.optimizer[key].items() if not name.startswith("_"))
        raise SettingError(f"optimizer.{key} with {given} is not possible: {first_line(error)}.") from error


def build_pool(cfg: DictConfig, data: ImageData, where: torch.device) -> tuple[Pool, torch.Tensor]:
    """The pool on ``where`` with nothing labeled yet, and the seed set.

    Raises:
        UserError: The budget is larger than the pool, or a setting needs labels that nobody has given.
    """
    check_budget(cfg, len(data.train_images) + (cfg.validation or 0))
    redundancy = factory.build(cfg.redundancy, "redundancy")
    chooser, cap = factory.build(cfg.seed_set, "seed_set"), factory.build(cfg.per_class_cap, "per_class_cap")
    if data.is_unlabeled:
        check_unlabeled(cfg, redundancy, chooser, cap)
    return build.build_pool(
        data,
        where,
        redundancy,
        chooser,
        cap,
        seed_size=cfg.budget.seed_size,
        seed=initial_seed(cfg),
        chunk=device.chunk_size(where, cfg.runtime.chunk),
    )
