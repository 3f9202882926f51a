"""From settings to objects: the components of a run, built and checked against one another before training."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from alrun.data import card
from alrun.data.augmentation import Augmentation, Cast, Normalize
from alrun.data.dataset import ImageData
from alrun.features.finetune import NetworkInput, Pretrained
from alrun.loop import pools, vector_pools
from alrun.loop.classes import with_known_classes
from alrun.loop.opened import opened
from alrun.loop.part_checks import (
    check_augmentation,
    check_cap,
    check_convex,
    check_model,
    check_needs,
    check_oracle,
    check_padding,
    check_samples,
    check_takes,
    check_unlabeled,
    check_until,
)
from alrun.loop.untrained import embed_untrained
from alrun.models.classifier import Classifier
from alrun.models.linear import Linear
from alrun.pool import build
from alrun.pool.pool import Pool
from alrun.runs.stopping import Stopping
from alrun.settings import factory
from alrun.settings.checks import check_answers, check_budget
from alrun.settings.identity import digest, first_round, initial_seed
from alrun.settings.vector_pools import seed_set_of
from alrun.strategies.base import Strategy
from alrun.system import device, rng
from alrun.system.errors import SettingError, first_line
from alrun.training.learner import Learner
from alrun.training.optimizer import Optimization, parameter_groups
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import Subset
from alrun.training.trainer import Trainer

log = logging.getLogger(__name__)

ToFloats = Normalize | Cast | NetworkInput  # turns what the pool holds into the floats that a model takes


@dataclass(frozen=True)
class Parts:
    """The objects that the open settings name."""

    data: ImageData
    data_id: str  # its fingerprint
    card: dict[str, Any]  # what the data set is, before ``scale`` and ``limit``: see alrun.data.card
    model: Classifier  # on the CPU; its weights are those of the last reset
    strategy: Strategy
    stopping: Stopping
    trainer: Learner
    first_trainer: Learner  # of round 0: another one where ``first_optimizer`` is given
    normalize: ToFloats
    fresh: Callable[[], Classifier]  # another such model, with weights drawn from torch's global generator


def build_parts(cfg: DictConfig, where: torch.device) -> Parts:
    """Build everything that the settings name, so that a mistake in any shows before training.

    Raises:
        UserError: A setting is wrong, or two do not go together.
    """
    with rng.same("encoder"):  # it may have one
        strategy: Strategy = factory.build(cfg.strategy, "strategy")
    check_needs(strategy)
    stopping: Stopping = factory.build(cfg.stopping, "stopping")
    augmentation: Augmentation = factory.build(cfg.augmentation, "augmentation")
    whole = opened(cfg, where)
    card.log_card(whole.card)
    of_source = whole.kept(cfg)
    data, others = pools.shaped(cfg, of_source, where)
    described = whole.card
    if is_shaped := data is not of_source:
        described = described | card.describe_pool(data)
        log.info("%s", card.pool_sentence(described))
    if cfg.validation is not None:
        data = data.held_out(cfg.validation, np.random.default_rng(rng.derive(initial_seed(cfg), "validation")))
    check_until(cfg.budget.until_accuracy, data)
    strategy = with_known_classes(cfg, strategy, data)
    for key, node in (("augmentation", cfg.augmentation), ("redundancy", cfg.redundancy)):
        check_padding(key, node, data)
    check_augmentation(augmentation, data)
    vector_pools.prepare(strategy, "strategy", cfg, data, where)
    model = build_model(cfg, data)
    check_model(model, data)
    check_samples(strategy.needs.dropout_samples, model)
    normalize = normalization(model, data, where)
    trainer = first_trainer = build_trainer(cfg, model, augmentation, normalize, where)
    if cfg.first_optimizer is not None:
        first_trainer = build_trainer(first_round(cfg), model, augmentation, normalize, where)
    check_oracle(strategy, trainer, data)
    # Settings and seed say how a shaped pool is made from its source, which repeats share.
    source = of_source if is_shaped else data
    data_id = whole.fingerprint if source is whole.data else source.fingerprint()
    if others:
        data_id = digest([data_id, *others], 16)
    return Parts(
        data,
        data_id,
        described,
        model,
        strategy,
        stopping,
        trainer,
        first_trainer,
        normalize,
        lambda: build_model(cfg, data),
    )


def normalization(model: Classifier, data: ImageData, where: torch.device) -> ToFloats:
    """Turns bytes or vectors into the floats that ``model`` takes, on ``where``."""
    if isinstance(model, Pretrained):
        return NetworkInput(model.preprocessing, where)
    if data.is_vectors:
        return Cast(where)
    assert data.mean is not None
    assert data.std is not None
    return Normalize(data.mean, data.std, where)


def build_trainer(
    cfg: DictConfig,
    model: Classifier,
    augmentation: Augmentation,
    normalize: ToFloats,
    where: torch.device,
) -> Learner:
    """The trainer of ``model`` for a round.

    Raises:
        UserError: A setting of the optimizer, its schedule or its averaging is wrong.
    """
    subset: Subset = factory.build(cfg.dss, "dss")
    chunk = device.chunk_size(where, cfg.runtime.chunk, isinstance(normalize, Cast))
    if cfg.optimizer.get("_target_"):
        check_convex(model, augmentation, subset, cfg.training.balance)
        return factory.build(cfg.optimizer, "optimizer", normalize=normalize, chunk=chunk, balance=cfg.training.balance)
    if isinstance(model, Linear) and not cfg.training.reset:
        log.info(
            "model=linear goes on from the weights of the round before, and only optimizer=convex reaches the same "
            "optimum from everywhere: model_update=reset trains each round anew"
        )
    optimizer = factory.build(cfg.optimizer.build, "optimizer.build")
    schedule = factory.build(cfg.optimizer.schedule, "optimizer.schedule") if cfg.optimizer.schedule else None
    average = factory.build(cfg.optimizer.swa, "optimizer.swa") if cfg.optimizer.swa else None
    smoothing = cfg.optimizer.get("label_smoothing", 0.0)
    made = attempt(cfg, "build", optimizer, list(parameter_groups(model)))
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
        chunk,
        cfg.runtime.cuda_graph,
        training.restart_below,
        training.balance,
    )


def build_model(cfg: DictConfig, data: ImageData) -> Classifier:
    """A model for this data, with weights drawn from torch's global generator.

    Raises:
        UserError: It takes images and the data are vectors, or the other way around, or a setting of it is wrong.
    """
    check_takes(cfg.model, data)
    return factory.build(cfg.model, "model", **data.shape, classes=data.classes)


def attempt(cfg: DictConfig, key: str, make: Callable[[Any], Any], argument: Any) -> Any:
    """``make(argument)``, the optimizer or its schedule.

    Raises:
        UserError: It refuses its settings in ``cfg.optimizer``.
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
    with rng.same("encoder"):  # it may have one
        chooser = factory.build(seed_set_of(cfg), "seed_set")
    cap = factory.build(cfg.per_class_cap, "per_class_cap")
    annotator, cost = factory.build(cfg.annotator, "annotator"), factory.build(cfg.cost, "cost")
    check_answers(cfg, annotator.opinions)
    if data.is_unlabeled:
        check_unlabeled(cfg, redundancy, chooser, cap, annotator, cost)

    def untrained(pool: Pool, chunk: int) -> torch.Tensor:
        make, seed = partial(build_model, cfg, data), initial_seed(cfg)
        return embed_untrained(pool, chunk, make, lambda model: normalization(model, data, where), seed)

    vector_pools.prepare(chooser, "seed_set", cfg, data, where, untrained)
    pool, seed_set = build.build_pool(
        data,
        where,
        vector_pools.on_vectors(cfg, data, redundancy, where),
        chooser,
        cap,
        annotator,
        cost,
        seed_size=cfg.budget.seed_size,
        seed=initial_seed(cfg),
        chunk=device.chunk_size(where, cfg.runtime.chunk, data.is_vectors),
    )
    check_cap(cfg, cap, pool)
    return pool, seed_set
