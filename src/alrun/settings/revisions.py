"""Revisions of what computes results. Whoever changes the results of a component raises its number by hand.

A revision above 1 is part of a run's name (alrun.settings.identity), so results of before are neither taken for
results of now nor overwritten by them. ``make golden`` tells when results changed and no revision did.
"""

from collections.abc import Iterator
from typing import Any

# Of what every run uses.
GENERAL: dict[str, int] = {
    "trainer": 1,  # how weights move in a round, and when a round ends
    "evaluation": 1,
    "pool": 1,  # redundancy, cap and seed set, and the random numbers that they take
}

# Of what a setting names, as <group>.<class>; what is not listed has revision 1.
COMPONENTS: dict[str, int] = {}

# Of algorithms in alrun.selection, by module; one counts for every component that uses it.
KERNELS: dict[str, int] = {}

# The components that use a kernel of KERNELS; tests/test_revisions.py compares this with their imports.
USERS: dict[str, tuple[str, ...]] = {}


def current_revision(name: str) -> int:
    """The revision of what has this name: a component, a kernel or what every run uses."""
    return {**GENERAL, **COMPONENTS, **KERNELS}.get(name, 1)


def revisions_used(settings: Any) -> dict[str, int]:
    """Revisions of all that ``settings`` (resolved, plain values) name, those of 1 included."""
    named = {name for group, node in settings.items() for name in components(node, str(group))}
    kernels = {kernel for kernel in KERNELS if named.intersection(USERS[kernel])}
    return {name: current_revision(name) for name in sorted({*GENERAL, *named, *kernels})}


def revisions(settings: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Revisions above 1 of what ``settings`` (resolved, plain values) name, by group; under ``run`` of every run's."""
    found = {"run": raised_revisions(GENERAL)}
    for group, node in settings.items():
        named = set(components(node, group))
        kernels = {kernel: number for kernel, number in KERNELS.items() if named.intersection(USERS[kernel])}
        found[group] = raised_revisions(
            {name: COMPONENTS[name] for name in sorted(named & COMPONENTS.keys())} | kernels
        )
    return {group: numbers for group, numbers in found.items() if numbers}


def raised_revisions(numbers: dict[str, int]) -> dict[str, int]:
    """Those above 1."""
    return {name: number for name, number in numbers.items() if number > 1}


def components(node: Any, group: str) -> Iterator[str]:
    """``<group>.<class>`` of every class of alrun that ``node`` names, at any depth."""
    if isinstance(node, dict):
        target = str(node.get("_target_", ""))
        if target.startswith("alrun."):
            yield f"{group}.{target.rpartition('.')[2]}"
        for key, value in node.items():
            yield from components(value, "embeddings" if key == "embeddings" else group)
