"""Builds what the open settings name. Their schema is the signature of their ``_target_``."""

import inspect
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alrun.settings import ranges, targets
from alrun.system import moved
from alrun.system.errors import SettingError, UserError, first_line
from alrun.system.words import closest


def build(node: DictConfig, key: str, **arguments: Any) -> Any:
    """Call ``node``'s ``_target_`` with its settings and ``arguments``; parts in its settings are built first.

    Settings are plain values by then, so the target that was checked (alrun.settings.targets) is the one called.

    Raises:
        UserError: The target is not allowed there, cannot be imported, or does not take a setting or its type.
    """
    if not isinstance(node, DictConfig):
        raise SettingError(
            f"{key}={node} is not a part of a run: give what `--cfg job` shows there, or choose an option."
        )
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    if settings.get("_target_") is None:
        raise SettingError(f"{key} has no _target_: its YAML file must name a class or function.")
    return build_target(settings, key, targets.kinds_at(key), arguments)


def build_target(node: targets.Values, key: str, kinds: tuple[targets.Kind, ...], arguments: dict[str, Any]) -> Any:
    """Call the ``_target_`` of ``node``, which must be one of ``kinds``."""
    name = node["_target_"]
    target = targets.import_target(name, key, kinds)
    settings = {setting: value for setting, value in node.items() if setting not in targets.SPECIAL}
    if unknown := [setting for setting in settings if str(setting).startswith("_")]:
        raise SettingError(f"{key}.{unknown[0]} is not known: beside settings there are _target_ and _partial_.")
    if not name.startswith(("torch.", "torchvision.")):  # whose parameters are named too loosely to check
        check_settings(target, node, settings, key, set(arguments))
    given = {
        setting: build_parts(value, f"{key}.{setting}", targets.kinds_inside(node, str(setting), kinds))
        for setting, value in settings.items()
    }
    try:
        if node.get("_partial_"):
            return partial(target, **{**given, **arguments})
        result = target(**{**given, **arguments})
    except Exception as error:
        if isinstance(error, UserError):
            raise
        raise SettingError(f"{key}: {name} refused its settings: {first_line(error)}.") from error
    targets.check_made(result, name, key, kinds)
    return result


def build_parts(value: Any, key: str, kinds: tuple[targets.Kind, ...]) -> Any:
    """``value`` with all parts in it built."""
    if isinstance(value, list):
        return [build_parts(inner, f"{key}[{position}]", kinds) for position, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.get("_target_") is not None:
        return build_target(value, key, kinds, {})
    return {setting: build_parts(inner, f"{key}.{setting}", kinds) for setting, inner in value.items()}


def check_settings(target: Any, node: targets.Values, settings: targets.Values, key: str, given: set[str]) -> None:
    """Compare names, types and ranges of ``settings`` with the signature of ``target``, apart from ``given``."""
    parameters = {name: p for name, p in inspect.signature(target).parameters.items() if name not in given}
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    hints = ranges.hints_of_signature(target)
    for setting, value in settings.items():
        if setting not in parameters:
            if renamed := moved.setting_sentence(f"{key}.{setting}", node["_target_"]):
                raise SettingError(renamed)
            if not parameters:
                raise SettingError(f"{key}.{setting}: {node['_target_']} takes no settings: leave it out.")
            hint = closest(str(setting), list(parameters))
            raise SettingError(f"{key}.{setting}: {node['_target_']} has no such setting; {hint}")
        if setting in hints and not holds_a_part(value):
            ranges.check_range(f"{key}.{setting}", value, hints[setting])


def holds_a_part(value: Any) -> bool:
    """Whether ``value`` holds a part that is still to be built."""
    if isinstance(value, list):
        return any(map(holds_a_part, value))
    return isinstance(value, dict) and ("_target_" in value or any(map(holds_a_part, value.values())))
