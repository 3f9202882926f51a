"""Which code a configuration may call: a file from a stranger must not run what it likes.

``_target_`` names a class or function, and Hydra calls it with the settings beside it; ``os.system`` would be one too.
So a name must lie in a module that makes parts of a run, or in one that the user lists, and what it leads to must be
defined there: ``torch.os.system`` lies in torch by name alone. The user's list counts where a downloaded file cannot
write: on the command line (``allow=[mine]``) or in the environment variable ALRUN_ALLOW (``mine,other``).
"""

import os
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alrun.errors import UserError

VARIABLE = "ALRUN_ALLOW"
PARTS = (
    *("alrun.augment", "alrun.data", "alrun.dss", "alrun.embeddings", "alrun.models", "alrun.optimization"),
    *("alrun.policy", "alrun.strategies", "alrun.tracking", "torch.nn", "torch.optim", "torchvision.models"),
    *("torchvision.transforms", "timm", "sklearn"),
)
GUARDED = {part.partition(".")[0] for part in PARTS}  # packages of which the parts alone are allowed
SAMPLERS = ("CmaEs", "Grid", "MOTPE", "NSGAII", "Random", "TPE")
OF_HYDRA = (
    *("alrun.sweep", "hydra._internal.core_plugins", "hydra_plugins", "logging"),
    *(f"optuna.samplers.{name}Sampler" for name in SAMPLERS),
)


def allow_typed(arguments: list[str]) -> None:
    """Note the modules of ``allow=[...]`` on a command line, for this process and those that it starts."""
    for argument in arguments:
        key, _, value = argument.lstrip("+").partition("=")
        if key == "allow":
            names = [name.strip(" '\"") for name in value.strip("[] ").split(",")]
            os.environ[VARIABLE] = ",".join(dict.fromkeys(filter(None, [*allowed(), *names])))


def allowed() -> list[str]:
    """The modules that the user lists."""
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]


def check(cfg: DictConfig) -> None:
    """Refuse a run's settings that call what neither alrun nor the user allows.

    Raises:
        UserError: A ``_target_`` lies elsewhere.
    """
    listed = allowed()
    for name in cfg.get("allow") or []:
        if name not in listed:
            raise UserError(
                f"allow=[{name}] stands in a configuration file: what may be run counts on the command line alone, "
                f"allow=[{name}], or in the environment variable {VARIABLE}."
            )
    for key, name in named(OmegaConf.to_container(cfg, resolve=False)):
        refuse_elsewhere(key, name, (*PARTS, *listed))


def check_hydra(cfg: DictConfig) -> None:
    """Refuse settings of Hydra itself that call other code: callbacks, launchers, sweepers and log handlers."""
    plain = OmegaConf.to_container(cfg, resolve=False)
    for key, name in named(plain, "hydra", ("_target_", "class", "()")):
        refuse_elsewhere(key, name, (*OF_HYDRA, *allowed()))


def check_origin(target: Any, name: str, key: str) -> None:
    """Refuse what only seems to lie in an allowed module.

    Raises:
        UserError: ``target``, found as ``name``, is defined elsewhere.
    """
    origin, package = str(getattr(target, "__module__", None)), name.partition(".")[0]
    if within(origin, PARTS) if package in GUARDED else origin.partition(".")[0] == package:
        return
    raise UserError(f"{key}._target_={name} is defined in {origin}: name it there, if that is what you mean.")


def refuse_elsewhere(key: str, name: str, modules: tuple[str, ...]) -> None:
    """Refuse a name outside of ``modules``."""
    if within(name, modules):
        return
    module = name.rpartition(".")[0] or name
    raise UserError(
        f"{key}={name} would run code that is not alrun's: if you trust the module {module}, add allow=[{module}] to "
        f"the command line."
    )


def within(name: str, modules: tuple[str, ...]) -> bool:
    """Whether ``name`` is one of ``modules`` or lies in one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def named(value: Any, path: str = "", keys: tuple[str, ...] = ("_target_",)) -> Iterator[tuple[str, str]]:
    """Every name of something to call in nested settings, with its full key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            full = f"{path}.{key}" if path else str(key)
            if key in keys and inner is not None:
                yield full, str(inner)
            else:
                yield from named(inner, full, keys)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from named(inner, f"{path}[{position}]", keys)
