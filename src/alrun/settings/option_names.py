"""Names the parts of a run in sentences as a user chose them, by their options, not by their classes."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from alrun.settings.groups import folder, options


def named(part: Any, key: str, group: str | None = None) -> str:
    """``strategy=vaal`` or, inside another part, ``strategy@strategy.inner=coreset``: what gave a run this ``part``.

    Options with the same class are told apart by their settings, as far as these are known. A part that no option of
    alrun gives is named by its class: ``strategy: Ratio``.

    Args:
        part: An object, or its settings with their ``_target_``.
        key: The setting that holds it.
        group: The group of its options; None: it is called like the setting.
    """
    if isinstance(part, Mapping):
        settings, target = part, str(part.get("_target_"))
    else:
        settings, target = getattr(part, "__dict__", {}), f"{type(part).__module__}.{type(part).__name__}"
    name = target.rpartition(".")[2]
    alike: dict[str, int] = {}
    for option, its in options_of_group(group or key):
        if target.startswith("alrun.") and str(its.get("_target_")).rpartition(".")[2] == name:
            alike[option] = sum(each in settings and settings[each] == value for each, value in its.items())
    if not alike:
        return f"{key}: {name}"
    place = key if group in (None, key) else f"{group}@{key}"
    return f"{place}={' or '.join(option for option, equal in alike.items() if equal == max(alike.values()))}"


@cache
def options_of_group(group: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and content of each of alrun's options of ``group``."""
    import yaml

    contents = [(name, yaml.safe_load(path.read_text())) for name, path in options(group, folder())]
    return [(name, content) for name, content in contents if isinstance(content, dict)]
