"""Limits the code that a configuration may call: a file from a stranger must not run anything it likes.

``_target_`` names a class or function that is called with the settings beside it; ``os.system`` would be one too. So
every setting that takes a part has a kind: the part must be a subclass of the kind's base or a listed function, and its
module must be one of the kind's *before* it is imported. A name that a module has only imported, such as
``alrun.pool.pool.torch``, does not count as its own. Modules that the user lists are allowed too. The list counts only
where a downloaded file cannot write, and is read once, before anything is composed: on the command line
(``allow=[mine]``) or in the environment variable ALRUN_ALLOW (``mine,other``).
"""

import inspect
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alrun.system.errors import SettingError, first_line

VARIABLE = "ALRUN_ALLOW"
Values = dict[Any, Any]


@dataclass(frozen=True)
class Kind:
    """What may be built for one setting."""

    base: str  # its classes are subclasses of this one
    modules: tuple[str, ...] = ()  # where these are defined
    makers: tuple[str, ...] = ()  # functions that return one

    def has(self, name: str) -> bool:
        """Whether ``name`` may be imported in order to look at it."""
        return name in self.makers or is_within(name.rpartition(".")[0], self.modules)


KINDS = {
    "dataset": Kind(
        "alrun.data.dataset.ImageData",
        makers=(
            *(f"alrun.data.own.{name}" for name in ("csv", "image_folder", "parquet", "unlabeled")),
            *(f"alrun.data.sources.{name}" for name in ("digits", "npz", "packed_jpeg", "tiny_imagenet")),
            "alrun.data.sources.torchvision_data",
            "alrun.data.tables.table",
            "alrun.data.tables.text",
            "alrun.data.unlabeled_texts.unlabeled_text",
            "alrun.data.vectors.features",
        ),
    ),
    "model": Kind(
        "alrun.models.classifier.Classifier",
        ("alrun.models",),
        (
            *(f"alrun.models.{name}" for name in ("timm_model", "torchvision_model")),
            *(f"alrun.features.finetune.{name}" for name in ("timm_model", "torchvision_model")),
        ),
    ),
    "strategy": Kind("alrun.strategies.Strategy", ("alrun.strategies",)),
    "encoder": Kind("alrun.features.encoder.Encoder", ("alrun.features.encoders",)),
    "module": Kind("torch.nn.Module"),
    "embeddings": Kind("alrun.strategies.embeddings.Embeddings", ("alrun.strategies.embeddings",)),
    "optimizer": Kind("alrun.training.convex.Convex", ("alrun.training.convex",)),
    "optimizer.build": Kind("torch.optim.Optimizer", ("torch.optim",)),
    "optimizer.schedule": Kind("torch.optim.lr_scheduler.LRScheduler", ("torch.optim.lr_scheduler",)),
    "optimizer.swa": Kind("alrun.training.optimizer.WeightAverage", ("alrun.training.optimizer",)),
    "augmentation": Kind("alrun.data.augmentation.Augmentation", ("alrun.data.augmentation", "alrun.data.transform")),
    "transform": Kind("torch.nn.Module", ("torchvision.transforms",)),
    "shift": Kind("alrun.pool.shift.Shift", ("alrun.pool.shift",)),
    "open_set": Kind("alrun.pool.open_set.OpenSet", ("alrun.pool.open_set",)),
    "imbalance": Kind("alrun.pool.imbalance.Imbalance", ("alrun.pool.imbalance",)),
    "redundancy": Kind("alrun.pool.redundancy.Redundancy", ("alrun.pool.redundancy",)),
    "per_class_cap": Kind("alrun.pool.per_class_cap.Cap", ("alrun.pool.per_class_cap",)),
    "seed_set": Kind("alrun.strategies.seed_set.SeedSet", ("alrun.strategies.seed_set",)),
    "annotator": Kind(
        "alrun.pool.annotator.Annotator",
        ("alrun.pool.annotator", "alrun.pool.confusing", "alrun.pool.opinions_file"),
    ),
    "cost": Kind("alrun.pool.cost.Cost", ("alrun.pool.cost",)),
    "stopping": Kind("alrun.runs.stopping.Stopping", ("alrun.runs.stopping",)),
    "dss": Kind("alrun.training.subsets.base.Subset", ("alrun.training.subsets",)),
    "tracking": Kind("alrun.loop.tracking.Tracker", ("alrun.loop.tracking",)),
}
KINDS |= {f"{key}.dataset": KINDS["dataset"] for key in ("shift", "open_set")}
KINDS |= {f"first_{key}": kind for key, kind in KINDS.items() if key.startswith("optimizer")}
# Settings of parts, alrun's or a listed library's, that are parts themselves.
INNER = {
    "inner": "strategy",
    "proposals": "strategy",
    "strategy": "strategy",
    "embeddings": "embeddings",
    "encoder": "encoder",
    "network": "module",
    "transform": "transform",
    "transforms": "transform",
}
SPECIAL = ("_target_", "_partial_")


def allow_typed(arguments: list[str]) -> None:
    """Read the user's list from the environment and ``allow=[...]``, for this process and its children."""
    global _listed
    listed = _of_environment()
    for argument in arguments:
        key, _, value = argument.lstrip("+").partition("=")
        if key == "allow":
            listed += [name.strip(" '\"") for name in value.strip("[] ").split(",")]
    _listed = tuple(dict.fromkeys(filter(None, listed)))
    os.environ[VARIABLE] = ",".join(_listed)


_listed: tuple[str, ...] | None = None


def allowed() -> tuple[str, ...]:
    """The modules that the user lists, as read at the first call."""
    global _listed
    if _listed is None:
        _listed = tuple(_of_environment())
    return _listed


def _of_environment() -> list[str]:
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]


def check_targets(cfg: DictConfig) -> None:
    """Refuse settings that call code that neither alrun nor the user allows; imports nothing.

    Raises:
        UserError: A ``_target_`` is in another module.
    """
    for name in cfg.get("allow") or []:
        if name not in allowed():
            raise SettingError(
                f"allow=[{name}] is in a configuration file, where it does not count: give it on the command line, or "
                f"in the environment variable {VARIABLE}."
            )
    # Resolved, since an interpolation can make a part: ${oc.create:...}, ${oc.decode:...}, or a part of another group.
    run = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    run._set_parent(None)
    settings = OmegaConf.to_container(run, resolve=True)
    assert isinstance(settings, dict)
    for key, value in settings.items():
        check_names(value, str(key), ())


def check_targets_early(cfg: DictConfig) -> None:
    """check_targets for a configuration that was just composed; values that only a job has may still be missing."""
    with suppress(OmegaConfBaseException):
        check_targets(cfg)


def check_names(value: Any, key: str, kinds: tuple[Kind, ...]) -> None:
    """Refuse a name in ``value`` of the setting ``key`` that is not of ``kinds``; parts inside parts have their own."""
    if isinstance(value, list):
        for position, inner in enumerate(value):
            check_names(inner, f"{key}[{position}]", kinds)
    if not isinstance(value, dict):
        return
    kinds = (KINDS[key],) if key in KINDS else kinds
    if value.get("_target_") is not None:
        check_name(value["_target_"], key, kinds)
    for setting, inner in value.items():
        check_names(inner, f"{key}.{setting}", kinds_inside(value, str(setting), kinds))


def kinds_at(key: str) -> tuple[Kind, ...]:
    """The kinds that may be built for the setting ``key``; any kind if it is not a setting of alrun."""
    return (KINDS[key],) if key in KINDS else tuple(KINDS.values())


def kinds_inside(node: Values, setting: str, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """The kinds that may be built for ``setting`` of ``node``; any kind inside a user's own part."""
    name = node.get("_target_")
    if name is None:
        return kinds
    if is_listed(str(name)):
        return tuple(KINDS.values())
    return (KINDS[INNER[setting]],) if setting in INNER else ()


def check_name(name: Any, key: str, kinds: tuple[Kind, ...]) -> None:
    """Refuse a name that must not be imported for ``key``.

    Raises:
        UserError: It is not of ``kinds``, and the user does not list it.
    """
    if not isinstance(name, str):
        raise SettingError(f"{key}._target_={name} is not a name: give the path of a class, such as my_al.ratio.Ratio.")
    if name == "???":
        raise SettingError(f"{key}._target_ has no value: give the path of a class, such as my_al.ratio.Ratio.")
    if is_listed(name) or any(kind.has(name) for kind in kinds):
        return
    if any(kind.has(name) for kind in KINDS.values()):
        what = f"there it must be a subclass of {' or '.join(kind.base for kind in kinds)}" if kinds else "give a value"
        raise SettingError(f"{key}._target_={name} cannot stand there: {what}.")
    module = name.rpartition(".")[0] or name
    raise SettingError(
        f"{key}._target_={name} would run code that is not alrun's: if you trust the module {module}, add "
        f"allow=[{module}] to the command line; a command that takes no settings reads ALRUN_ALLOW={module}."
    )


def import_target(name: Any, key: str, kinds: tuple[Kind, ...]) -> Any:
    """Import the class or function ``name``, if it is allowed.

    Raises:
        UserError: It is not allowed for ``key``, cannot be imported, or is not what its name says.
    """
    check_name(name, key, kinds)
    module, _, attribute = name.rpartition(".")
    try:
        target = getattr(import_user_module(module), attribute)
    except Exception as error:  # whatever a user's module raises while it is imported
        raise SettingError(f"{key}._target_={name} cannot be imported: {first_line(error)}.") from error
    origin = str(getattr(target, "__module__", None))
    if not is_within(origin, (module,)):
        raise SettingError(f"{key}._target_={name} is defined in {origin}: name it there, if that is what you mean.")
    if is_listed(name):
        known = not inspect.isclass(target) or len(kinds) != 1 or is_a(target, kinds[0])
        known = known and callable(target)
    else:
        known = any(name in kind.makers or (inspect.isclass(target) and is_a(target, kind)) for kind in kinds)
    if not known:
        raise SettingError(
            f"{key}._target_={name} is not a subclass of {' or '.join(kind.base for kind in kinds)}: derive it."
        )
    return target


def import_user_module(module: str) -> ModuleType:
    """Import a module; before a user's, prepare torchvision, whose import fails beside a CPU build of torch."""
    if is_listed(module):
        from alrun.system import torchvision_import  # noqa: F401
    return import_module(module)


def check_made(made: Any, name: str, key: str, kinds: tuple[Kind, ...]) -> None:
    """Refuse the result of a function that is not of the kind of ``key``.

    Raises:
        UserError: It is of another class.
    """
    if len(kinds) == 1 and not isinstance(made, partial) and not isinstance(made, resolve_name(kinds[0].base)):
        raise SettingError(f"{key}._target_={name} makes a {type(made).__name__}, but it must make an {kinds[0].base}.")


def is_a(target: type, kind: Kind) -> bool:
    """Whether ``target`` is a subclass of the kind's base, or has its methods if that is a protocol."""
    return issubclass(target, resolve_name(kind.base))


def is_listed(name: str) -> bool:
    """Whether the user lists the module of ``name``."""
    return is_within(name, allowed())


def is_within(name: str, modules: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``modules`` or lies in one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)
