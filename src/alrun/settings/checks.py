"""Refuses impossible settings before torch is imported and data are read: within the first second."""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf

from alrun.settings import ranges, schedule, targets
from alrun.settings.option_names import named
from alrun.settings.schema import CLOSED, OPTIMIZER, RunConfig, scaled
from alrun.system.errors import SettingError
from alrun.system.words import closest

# Training images of the data sets whose size is known, by the option of ``dataset=``.
POOL_SIZES = {
    "digits": 1_297,
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "cifar10": 50_000,
    "cifar100": 50_000,
    "svhn": 73_257,
}
OF_TORCHVISION = {name.replace("_", ""): size for name, size in POOL_SIZES.items()}  # its names in lower case


def validate(cfg: DictConfig) -> None:
    """Refuse settings that are wrong for any data, or for data whose size is known.

    Raises:
        UserError: A setting has no value, is out of range or contradicts another one.
    """
    known = [entry.name for entry in fields(RunConfig)]
    for key in (str(key) for key in cfg if key not in known):
        raise SettingError(f"{key}: there is no such setting; {closest(key, known)}")
    check_closed(cfg)
    check_given(cfg, known)
    targets.check_targets(cfg)
    for key, value in leaves(OmegaConf.to_container(cfg)):
        # Memory may be unlimited; an infinite count, rate or share is a mistake.
        if isinstance(value, float) and not math.isfinite(value) and not (value > 0 and key.endswith("memory")):
            raise SettingError(f"{key}={value} is not possible: give a finite number.")
    check_ranges(cfg)
    check_rounds(cfg)
    check_answers(cfg, schedule.opinions_of(cfg.annotator))
    for key in ("dataset", "shift.dataset", "open_set.dataset"):
        node = OmegaConf.select(cfg, key)
        if isinstance(node, str) and key != "dataset":
            raise SettingError(f"{key}={node} names an option: choose it by dataset@{key}={node}.")
        target, path = (node.get("_target_"), node.get("path")) if isinstance(node, DictConfig) else (None, None)
        if isinstance(path, str) and str(target).startswith("alrun.") and not Path(path).exists():
            raise SettingError(f"{key}.path={path}: there is no such file or folder; give the path of your data.")
    size = pool_size(cfg)
    if size is not None:
        check_budget(cfg, size)
        unique = cfg.redundancy.get("unique", 0)
        if isinstance(unique, int):
            check_unique(unique, size)
    check_options("seed_set", cfg.seed_set)
    for key, strategy in strategies(cfg.strategy):
        check_options(key, strategy)
        samples = strategy.get("dropout_samples", 0)
        if isinstance(samples, int) and has_dropout(cfg) is False:
            check_dropout(samples, named(cfg.model, "model"), key)


def check_closed(cfg: DictConfig) -> None:
    """Refuse settings that nothing reads: of the closed groups, and of an optimizer that is put together from parts.

    A setting of a user's own is read if another one takes its value.

    Raises:
        UserError: There is one.
    """
    known = {each.__name__.lower(): [entry.name for entry in fields(each)] for each in CLOSED}
    if not cfg.optimizer.get("_target_"):
        known["optimizer"] = [*dict.fromkeys(key.partition(".")[0] for key in OPTIMIZER), "swa"]
    taken = " ".join(re.findall(r"\$\{[^}]*", OmegaConf.to_yaml(cfg)))
    for group, names in known.items():
        for key in (str(key) for key in cfg[group] if key not in names):
            word = f"{group}.{key}"
            is_taken = re.search(rf"\b{group}(\.|\['?){re.escape(key)}\b|[{{:,]\.+{re.escape(key)}\b", taken)
            if is_taken or key.startswith("_"):  # Hydra's own
                continue
            raise SettingError(
                f"{word}: there is no such setting; {closest(word, [f'{group}.{name}' for name in names])}"
            )


def check_given(cfg: DictConfig, groups: Collection[str]) -> None:
    """Refuse settings of ``groups`` that have no value.

    Raises:
        UserError: There is one.
    """
    settings = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])  # only a job has Hydra's values
    for key in sorted(OmegaConf.missing_keys(settings)):
        if key.partition(".")[0] in groups:
            raise SettingError(f"{key} has no value: add {key}=... to the command line.")


def check_ranges(cfg: DictConfig) -> None:
    """Refuse a value of the closed settings, or of an optimizer, that its type and range in the schema exclude.

    Values of the open settings are refused when they are built (alrun.settings.factory).
    """
    for group, settings in (("", RunConfig), *((each.__name__.lower(), each) for each in CLOSED)):
        node = cfg[group] if group else cfg
        for name, hint in get_type_hints(settings, include_extras=True).items():
            if hint is not Any and hint not in CLOSED and hint != list[str]:
                ranges.check_range(f"{group}.{name}".removeprefix("."), node[name], hint)
    for key, hint in OPTIMIZER.items():
        part, _, name = key.rpartition(".")
        node = cfg.optimizer.get(part) if part else cfg.optimizer
        if node and name in node:
            ranges.check_range(f"optimizer.{key}", node[name], hint)


def check_rounds(cfg: DictConfig) -> None:
    """Refuse a budget that has no room for a round."""
    budget = cfg.budget
    if budget.total < budget.seed_size:
        raise SettingError(
            f"budget.total={budget.total} is less than budget.seed_size={budget.seed_size}: "
            "raise the total or take a smaller seed set."
        )
    to_train_on = budget.total - (cfg.validation or 0)
    if to_train_on < budget.seed_size:
        raise SettingError(
            f"validation={cfg.validation} and budget.seed_size={budget.seed_size} are more labels than "
            f"budget.total={budget.total}: raise the total or hold out fewer."
        )
    held_out = f" without validation={cfg.validation}" if cfg.validation else ""
    if budget.seed_size < to_train_on < budget.seed_size + budget.batch_size:
        raise SettingError(
            f"budget.batch_size={budget.batch_size} does not fit between budget.seed_size={budget.seed_size} and "
            f"budget.total={budget.total}{held_out}, so nothing would be queried: lower it or raise budget.total."
        )


def check_answers(cfg: DictConfig, opinions: int) -> None:
    """Refuse numbers of answers in which not all examples would get all of their ``opinions``.

    Raises:
        UserError: One is such a number.
    """
    wrong = {key: int(cfg.budget[key]) for key in ("seed_size", "batch_size") if cfg.budget[key] % opinions}
    if wrong:
        given = " and ".join(f"budget.{key}={answers}" for key, answers in wrong.items())
        fitting = {key: max(1, round(answers / opinions)) * opinions for key, answers in wrong.items()}
        raise SettingError(
            f"{given} count answers, and annotator.opinions={opinions} takes {opinions} for each example: use "
            f"{' '.join(f'budget.{key}={answers}' for key, answers in fitting.items())}, so that all have theirs."
        )
    if cfg.validation and cfg.cost != {"_target_": "alrun.pool.cost.OneEach", "price": 1.0}:
        raise SettingError(f"validation={cfg.validation} holds out labels of unknown cost: use cost=none cost.price=1.")


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested settings with its dotted key; empty dictionaries and lists have none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{key}[{position}]")
    else:
        yield key, value


def strategies(node: DictConfig, key: str = "strategy") -> Iterator[tuple[str, DictConfig]]:
    """The strategy and the strategies that it wraps, with their keys."""
    yield key, node
    if isinstance(inner := node.get("inner"), DictConfig):
        yield from strategies(inner, f"{key}.inner")


def check_budget(cfg: DictConfig, size: int) -> None:
    """Refuse a budget that is larger than a pool of ``size`` examples, and suggest one that fits."""
    from alrun.settings import fitted  # with numpy, which `--help` does without

    opinions = schedule.opinions_of(cfg.annotator)
    for key, value in (("seed_size", cfg.budget.seed_size), ("total", cfg.budget.total)):
        if value > size * opinions:
            each = f", with {opinions} opinions on each" if opinions > 1 else ""
            raise SettingError(
                f"budget.{key}={value} is more than the {size} examples of the pool{each}: "
                f"try {fitted.advise_budget(cfg, size)}."
            )


def check_options(key: str, node: DictConfig) -> None:
    """Refuse the name of an option as a value: an option is chosen by its group."""
    for setting, group in (("embeddings", "embeddings"), ("inner", "strategy"), ("strategy", "strategy")):
        if isinstance(name := node.get(setting), str):
            raise SettingError(f"{key}.{setting}={name} names an option: choose it by {group}@{key}.{setting}={name}.")


def check_unique(unique: int, size: int) -> None:
    """Refuse to keep more examples unique than the ``size`` of the pool."""
    if unique > size:
        raise SettingError(f"redundancy.unique={unique} is more than the {size} examples of the pool: lower it.")


def check_dropout(samples: int, model: str, key: str = "strategy") -> None:
    """Refuse MC-dropout passes through a ``model`` that has no dropout."""
    if samples > 0:
        raise SettingError(
            f"{key}.dropout_samples={samples}: {model} has no dropout, so all samples would be equal. Take a model "
            "with dropout (model=mnist_net, model=mlp, or model=small_cnn model.dropout=0.5) or with an ensemble "
            f"(model=linear model.ensemble={samples}), or a strategy without it."
        )


def pool_size(cfg: DictConfig) -> int | None:
    """Examples in the pool, at most; None if only reading the data can say."""
    if OmegaConf.select(cfg, "open_set.dataset") is not None:
        return None  # its examples come in addition
    match cfg.dataset._target_:
        case "alrun.data.sources.digits":
            size = POOL_SIZES["digits"]
        case "alrun.data.sources.torchvision_data" if str(cfg.dataset.name).lower() in OF_TORCHVISION:
            size = OF_TORCHVISION[cfg.dataset.name.lower()]
        case _:
            from alrun.settings import data_size  # with numpy

            known = data_size.count_data(cfg)
            if known is None:
                return None
            size = known.pool
    size = scaled(size, cfg.scale.examples)
    return size if cfg.limit is None else min(size, cfg.limit)


def has_dropout(cfg: DictConfig) -> bool | None:
    """Whether the model has dropout, or an ensemble instead; None if only building it can say."""
    match cfg.model._target_:
        case "alrun.models.ResNet18":
            return False
        case "alrun.models.SmallCnn" | "alrun.models.Mlp":
            return cfg.model.dropout != 0
        case "alrun.models.Linear":
            return cfg.model.ensemble != 0
    return None
