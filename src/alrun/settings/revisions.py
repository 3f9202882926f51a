"""Revisions of the components that compute results. A change that alters results raises its number by hand.

A revision above 1 is part of a run's name (alrun.settings.identity), so old results are neither mistaken for new ones
nor overwritten by them. ``make golden`` fails if results changed without a new revision.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Settings = dict[str, Any]
PoolSize = Callable[[], int | None]  # examples in the pool; None: not known, or less than matters

# Of code that every run uses.
GENERAL: dict[str, int] = {
    "trainer": 1,  # how weights move in a round, and when a round ends
    "evaluation": 1,
    "pool": 1,  # redundancy, cap and seed set, and the random numbers that they take
}

# Of components that settings name, as <group>.<class>; those not listed have revision 1.
COMPONENTS: dict[str, int] = {
    "strategy.Bait": 2,  # several picks share a pass in float32
    "strategy.ClusterMargin": 2,  # clusters the pool once where embeddings are the same in all rounds
    "strategy.ConditionalGain": 3,  # round-off: in pools of over 20,000 two examples share a similarity
    "strategy.ConditionalMutualInformation": 3,  # the same
    "strategy.Discriminative": 2,  # its network sees ten unlabeled examples for each labeled one
    "strategy.MaxHerding": 3,  # round-off, as of ConditionalGain; pairs are kept for later queries
    "seed_set.MaxHerding": 3,  # the same
    "strategy.ProbCover": 3,  # round-off: distances of near pairs are computed one by one; 2: the radius, in blocks
    "seed_set.ProbCover": 3,  # the same
    "strategy.UncertaintyHerding": 4,  # as MaxHerding; 2: round-off of the bandwidth, whose distances come in blocks
}


@dataclass(frozen=True)
class Part:
    """What some settings of a component lead to, and others do not."""

    revision: int
    users: tuple[str, ...]  # components
    is_used: Callable[[Settings, PoolSize], bool]  # by a component with these settings, in a pool of that size


LARGE = 100_000  # examples up to which ``nearby=auto`` compares all


def compares_near_ones(node: Settings, pool: PoolSize) -> bool:
    """Whether ``nearby=auto`` compares each example with near ones alone, which 0.1.0 never did."""
    located = (node.get("function"), node.get("representation"), node.get("neighbors"))
    if node["_target_"].endswith((".Fass", ".Submodular")) and located != ("facility_location", "embedding", None):
        return False
    return node.get("nearby") == "auto" and (pool() or 0) > LARGE


def shares_similarities(node: Settings, pool: PoolSize) -> bool:
    """Whether examples share work on similarities in pools of over 20,000: round-off is not that of 0.1.0 there."""
    functions = ("facility_location", "graph_cut", "log_determinant", "flvmi", "logdetmi")
    among_all = node.get("function") in functions and not node.get("per_class")
    return among_all or node.get("regularizer") == "facility_location"


PARTS: dict[str, Part] = {
    "ensemble": Part(2, ("model.Linear",), lambda node, pool: bool(node.get("ensemble"))),
    "nearby": Part(
        2,
        (
            *("strategy.Clue", "strategy.ClusterMargin", "strategy.DropQuery", "strategy.Fass"),
            *("strategy.KMeansSampling", "strategy.MaxHerding", "strategy.ProbCover", "strategy.Submodular"),
            *("strategy.TypiClust", "strategy.UncertaintyHerding"),
        ),
        compares_near_ones,
    ),
    "shared_similarities": Part(
        2,
        (
            *("strategy.Glister", "strategy.MutualInformation", "strategy.Submodular"),
            "seed_set.RepresentativeSeedSet",
        ),
        shares_similarities,
    ),
    # In float64, and a test table's columns by name.
    "standardized": Part(2, ("dataset.features", "dataset.table"), lambda node, pool: bool(node.get("standardize"))),
}


def current_revision(name: str) -> int:
    """The revision of a component, a part of one or code that every run uses."""
    parts = {name: part.revision for name, part in PARTS.items()}
    return {**GENERAL, **COMPONENTS, **parts}.get(name, 1)


def revisions_used(settings: Any, pool: PoolSize = lambda: None) -> dict[str, int]:
    """Revisions of everything that ``settings`` (resolved, plain values) name, including those at 1."""
    nodes = [found for group, node in settings.items() for found in components(node, str(group))]
    return {name: current_revision(name) for name in sorted({*GENERAL, *dict(nodes), *used_by(nodes, pool)})}


def revisions(settings: Settings, pool: PoolSize = lambda: None) -> dict[str, dict[str, int]]:
    """Revisions above 1 of what ``settings`` (resolved, plain values) name, by group; ``run`` is for all runs."""
    found = {"run": raised_revisions(GENERAL)}
    for group, node in settings.items():
        nodes = list(components(node, group))
        named = sorted({name for name, _ in nodes} & COMPONENTS.keys())
        found[group] = raised_revisions({name: current_revision(name) for name in [*named, *used_by(nodes, pool)]})
    return {group: numbers for group, numbers in found.items() if numbers}


def used_by(nodes: list[tuple[str, Settings]], pool: PoolSize) -> list[str]:
    """The parts of components that the components ``nodes`` use."""
    return [
        part
        for part, about in PARTS.items()
        if any(name in about.users and about.is_used(node, pool) for name, node in nodes)
    ]


def raised_revisions(numbers: dict[str, int]) -> dict[str, int]:
    """The revisions above 1."""
    return {name: number for name, number in numbers.items() if number > 1}


def components(node: Any, group: str) -> Iterator[tuple[str, Settings]]:
    """``<group>.<class>`` of every class of alrun in ``node``, at any depth, and its settings."""
    if isinstance(node, dict):
        target = str(node.get("_target_", ""))
        if target.startswith("alrun."):
            yield f"{group}.{target.rpartition('.')[2]}", node
        for key, value in node.items():
            yield from components(value, "embeddings" if key == "embeddings" else group)
