"""Targeted selection: examples that resemble a query set, or differ from a private set.

A query set holds what is wanted (rare classes), a private set what is not (known or out-of-distribution examples).
Both are labeled examples, given by their classes, or strangers. Examples are represented by their embedding or by the
gradient of the last layer: labeled ones at their true label, unlabeled ones and strangers at their predicted label.

The paper's uses: rare classes by ``smi`` with ``query_classes: rare``; strangers by ``conditional_mutual_information``
with ``query_classes: all`` and ``private_classes: strangers``; redundancy by ``conditional_gain``, whose private set is
the labeled set.

Source: Kothawade et al., SIMILAR: Submodular Information Measures Based Active Learning in Realistic Scenarios,
NeurIPS 2021, Tables 1 and 2. The authors' notebooks (DISTIL, benchmark_notebooks/similar) differ in three ways. They
hold out examples, five of each rare class and ten of each known one, for the query set, to which they add what they
find; here it is the labeled examples. Their model has a class for strangers and learns it, so that strangers have a
gradient at their true label. Their conditional measures take the cosine itself; here similarities are from 0 to 1.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, MinLen
from torch import Tensor

from alrun.selection.greedy import SetFunction, maximize
from alrun.selection.points import Dense, Outer, Points
from alrun.selection.set_functions import FacilityLocation, FeatureBased, GraphCut, LogDeterminant, WeightedSum
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.base import Needs, Query, Strategy, highest
from alrun.strategies.more.submodular import Representation, represent
from alrun.system.errors import SettingError
from alrun.system.units import MEGABYTE, Megabytes

# Classes by number, from 0, or by name, or the rare ones; the data say which these are (alrun.loop.classes).
Classes = Annotated[list[Annotated[int, Ge(0)] | str], MinLen(1)] | Literal["rare"]
Wanted = Classes | Literal["all"]
Unwanted = Classes | Literal["strangers"]


class Targeted(Strategy):
    """Base of the three families: sets by class, representations and greedy choice."""

    def __init__(
        self, representation: Representation, memory: Megabytes, private_classes: Unwanted | None = None
    ) -> None:
        self.representation: Representation = representation
        self.memory = memory * MEGABYTE
        self.private_classes = private_classes
        self.needs = Needs(gradient=True, log_probs=True, labeled=True, strangers=private_classes == "strangers")

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, in the order of greedy choice."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor | None]:
        """The positions of ``select``, and their values (size,) if the function is a sum over examples."""
        pool = represent(query.unlabeled, self.representation).normalized()
        wanted = self.function(pool, query)
        if not isinstance(wanted, Tensor):
            return maximize(wanted, query.size), None
        positions = highest(wanted, query.size)
        return positions, wanted[positions]

    @abstractmethod
    def function(self, pool: Points, query: Query) -> SetFunction | Tensor:
        """The function to maximize; values (n,) if it is a sum over examples."""

    def known(self, query: Query, wanted: Tensor) -> Points:
        """The labeled examples at which ``wanted`` (m,) is True, at their true labels and length 1."""
        part = query.labeled.take(wanted.nonzero().flatten().cpu())
        if self.representation == "embedding":
            return Dense(part.embedding).normalized()
        return part.gradient_at(query.labels[wanted]).normalized()

    def private(self, query: Query, others: Tensor) -> Points | None:
        """What to avoid: strangers, labeled examples of ``private_classes``, or ``others`` (m,) if these are null.

        None where there is nothing of the kind yet.
        """
        if self.private_classes == "strangers":
            found = query.strangers
            return represent(found, self.representation).normalized() if len(found) else None
        if self.private_classes is not None:
            others = mask_of_classes(query.labels, self.private_classes, "strategy.private_classes")
        return self.known(query, others) if others.any() else None

    def similarity(self, rows: Points, candidates: Points) -> Similarity:
        """Cosine similarities of ``candidates`` to ``rows``."""
        return Similarity(candidates, rows, cosine, self.memory)


def joined(one: Points, other: Points | None) -> Points:
    """The points of both, which are of one kind."""
    if isinstance(one, Outer) and isinstance(other, Outer):
        return Outer(torch.cat([one.a, other.a]), torch.cat([one.b, other.b]))
    if isinstance(one, Dense) and isinstance(other, Dense):
        return Dense(torch.cat([one.x, other.x]))
    return one


def mask_of_classes(labels: Tensor, classes: Sequence[int | str] | str, key: str) -> Tensor:
    """Which of ``labels`` (m,) are among ``classes``, a list or ``all``: (m,) bool.

    Raises:
        UserError: None is, or classes have names that no data set maps to numbers.
    """
    if classes == "all":
        return torch.ones_like(labels, dtype=torch.bool)
    if named := [classes] if isinstance(classes, str) else [each for each in classes if isinstance(each, str)]:
        raise SettingError(f"{key}: without a data set, {named[0]} has no number: give the number.")
    found = torch.isin(labels, torch.tensor(classes, device=labels.device))
    if not found.any():
        present = ", ".join(str(value) for value in labels.unique().tolist())
        raise SettingError(
            f"{key}={classes}: no labeled example has one of these classes; there are {present}: start with some of "
            "each, by seed_set=every_class."
        )
    return found


def rarest_classes(labels: Tensor) -> list[int]:
    """The classes with the fewest labeled examples, among those that have any."""
    classes, counts = labels.unique(return_counts=True)
    return classes[counts == counts.min()].tolist()


class MutualInformation(Targeted):
    """Submodular mutual information with the labeled examples of ``query_classes``: examples that resemble them.

    Args:
        function: ``flqmi``, ``flvmi`` (facility location over the query set, over the pool), ``gcmi`` (graph cut),
            ``logdetmi`` (log determinant) or ``com`` (concave over modular).
        query_classes: Classes wanted, by number or name, ``rare`` or ``all``; null: those with the fewest labeled
            examples.
        trade_off: Weight of the similarity to the query set (η in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flqmi", "flvmi", "gcmi", "logdetmi", "com"] = "flqmi",
        query_classes: Wanted | None = None,
        trade_off: Annotated[float, Ge(0)] = 1.0,
        representation: Representation = "gradient",
        memory: Megabytes = 2000,
    ) -> None:
        super().__init__(representation, memory)
        self.name = function
        self.query_classes = query_classes
        self.trade_off = trade_off

    def function(self, pool: Points, query: Query) -> SetFunction | Tensor:
        """The function that ``function`` names, over the ``pool``."""
        labels = query.labels
        classes = rarest_classes(labels) if self.query_classes is None else self.query_classes
        wanted = self.known(query, mask_of_classes(labels, classes, "strategy.query_classes"))
        to_wanted = self.similarity(wanted, pool)
        likeness = to_wanted.of(slice(None))  # (n, q)
        nearest = self.trade_off * likeness.amax(1)
        if self.name == "gcmi":
            return likeness.sum(1)
        if self.name == "flqmi":
            return FacilityLocation(to_wanted, modular=nearest)
        if self.name == "flvmi":
            return FacilityLocation(self.similarity(pool, pool), cap=nearest)
        if self.name == "com":
            return FeatureBased(likeness, modular=self.trade_off * likeness.sum(1).sqrt())
        to_pool = self.similarity(pool, pool)
        return WeightedSum(LogDeterminant(to_pool), LogDeterminant(to_pool, self.similarity(pool, wanted)), -1)


class ConditionalGain(Targeted):
    """Submodular conditional gain: examples that represent the pool and differ from those of ``private_classes``.

    Args:
        function: ``flcg`` (facility location), ``gccg`` (graph cut) or ``logdetcg`` (log determinant).
        private_classes: Classes to avoid, by number or name, ``rare``, or ``strangers``, none before the first is
            found; null: all labeled examples, so that nothing similar is queried again.
        trade_off: Weight of the dissimilarity to the private set (ν in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flcg", "gccg", "logdetcg"] = "flcg",
        private_classes: Unwanted | None = None,
        trade_off: Annotated[float, Ge(0)] = 1.0,
        representation: Representation = "gradient",
        memory: Megabytes = 2000,
    ) -> None:
        super().__init__(representation, memory, private_classes)
        self.name = function
        self.trade_off = trade_off

    def function(self, pool: Points, query: Query) -> SetFunction:
        """The function that ``function`` names, over the ``pool``."""
        private = self.private(query, torch.ones_like(query.labels, dtype=torch.bool))
        to_pool = self.similarity(pool, pool)
        if self.name == "logdetcg":
            return LogDeterminant(to_pool, None if private is None else self.similarity(pool, private))
        if private is None:
            return GraphCut(to_pool) if self.name == "gccg" else FacilityLocation(to_pool)
        likeness = self.similarity(private, pool).of(slice(None))
        if self.name == "gccg":
            return GraphCut(to_pool, modular=-2 * self.trade_off * likeness.sum(1))
        return FacilityLocation(to_pool, floor=self.trade_off * likeness.amax(1))


class ConditionalMutualInformation(Targeted):
    """Examples that resemble the labeled ones of ``query_classes`` and differ from those of ``private_classes``.

    Args:
        function: ``flcmi`` (facility location) or ``logdetcmi`` (log determinant).
        query_classes: Classes wanted, by number or name, ``rare`` or ``all``; null: those with the fewest labeled
            examples.
        private_classes: Classes to avoid, by number or name, ``rare``, or ``strangers``, none before the first is
            found; null: all others.
        trade_off: Weight of the similarity to the query set (η in the paper).
        private_trade_off: Weight of the dissimilarity to the private set (ν in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flcmi", "logdetcmi"] = "flcmi",
        query_classes: Wanted | None = None,
        private_classes: Unwanted | None = None,
        trade_off: Annotated[float, Ge(0)] = 1.0,
        private_trade_off: Annotated[float, Ge(0)] = 1.0,
        representation: Representation = "gradient",
        memory: Megabytes = 2000,
    ) -> None:
        super().__init__(representation, memory, private_classes)
        self.name = function
        self.query_classes = query_classes
        self.trade_off = trade_off
        self.private_trade_off = private_trade_off

    def function(self, pool: Points, query: Query) -> SetFunction:
        """The function that ``function`` names, over the ``pool``."""
        labels = query.labels
        classes = rarest_classes(labels) if self.query_classes is None else self.query_classes
        mask = mask_of_classes(labels, classes, "strategy.query_classes")
        wanted, private = self.known(query, mask), self.private(query, ~mask)
        to_pool = self.similarity(pool, pool)
        if self.name == "logdetcmi":
            given = None if private is None else self.similarity(pool, private)
            both = self.similarity(pool, joined(wanted, private))
            return WeightedSum(LogDeterminant(to_pool, given), LogDeterminant(to_pool, both), -1)
        cap = self.trade_off * self.similarity(wanted, pool).of(slice(None)).amax(1)
        floor = torch.zeros_like(cap)
        if private is not None:
            floor = self.private_trade_off * self.similarity(private, pool).of(slice(None)).amax(1)
        return FacilityLocation(to_pool, floor=floor, cap=cap)
