"""Revisions of the components that compute results. A change that alters results raises its number by hand.

A revision above 1 is part of a run's name (alrun.settings.identity), so old results are neither mistaken for new ones
nor overwritten by them. ``make golden`` fails if results changed without a new revision.
"""

from collections.abc import Iterator
from typing import Any

# Of code that every run uses.
GENERAL: dict[str, int] = {
    "trainer": 1,  # how weights move in a round, and when a round ends
    "evaluation": 1,
    "pool": 1,  # redundancy, cap and seed set, and the random numbers that they take
}

# Of components that settings name, as <group>.<class>; those not listed have revision 1.
COMPONENTS: dict[str, int] = {}

# Of algorithms in alrun.selection, by module; each counts for every component that uses it.
KERNELS: dict[str, int] = {}

# The components that use a kernel of KERNELS; tests/test_revisions.py compares this with their imports.
USERS: dict[str, tuple[str, ...]] = {}


def current_revision(name: str) -> int:
    """The revision of a component, a kernel or code that every run uses."""
    return {**GENERAL, **COMPONENTS, **KERNELS}.get(name, 1)


def revisions_used(settings: Any) -> dict[str, int]:
    """Revisions of everything that ``settings`` (resolved, plain values) name, including those at 1."""
    named = {name for group, node in settings.items() for name in components(node, str(group))}
    kernels = {kernel for kernel in KERNELS if named.intersection(USERS[kernel])}
    return {name: current_revision(name) for name in sorted({*GENERAL, *named, *kernels})}


def revisions(settings: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Revisions above 1 of what ``settings`` (resolved, plain values) name, by group; ``run`` is for all runs."""
    found = {"run": raised_revisions(GENERAL)}
    for group, node in settings.items():
        named = set(components(node, group))
        kernels = {kernel: number for kernel, number in KERNELS.items() if named.intersection(USERS[kernel])}
        found[group] = raised_revisions(
            {name: COMPONENTS[name] for name in sorted(named & COMPONENTS.keys())} | kernels
        )
    return {group: numbers for group, numbers in found.items() if numbers}


def raised_revisions(numbers: dict[str, int]) -> dict[str, int]:
    """The revisions above 1."""
    return {name: number for name, number in numbers.items() if number > 1}


def components(node: Any, group: str) -> Iterator[str]:
    """``<group>.<class>`` of every class of alrun in ``node``, at any depth."""
    if isinstance(node, dict):
        target = str(node.get("_target_", ""))
        if target.startswith("alrun."):
            yield f"{group}.{target.rpartition('.')[2]}"
        for key, value in node.items():
            yield from components(value, "embeddings" if key == "embeddings" else group)
