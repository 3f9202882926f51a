"""Targeted selection: examples that resemble a query set, or differ from a private set.

A query set holds what is wanted (rare classes), a private set what is not (known or out-of-distribution examples).
Both are labeled examples, given by their classes. Unlabeled examples are represented by their embedding or by the
gradient at their predicted label, labeled ones by the gradient at their true label.

Source: Kothawade et al., SIMILAR: Submodular Information Measures Based Active Learning in Realistic Scenarios,
NeurIPS 2021, Tables 1 and 2.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, MinLen
from torch import Tensor

from alrun.selection.greedy import SetFunction, maximize
from alrun.selection.points import Dense, Points
from alrun.selection.set_functions import FacilityLocation, FeatureBased, GraphCut, LogDeterminant, WeightedSum
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.base import Needs, Query, Strategy, highest
from alrun.strategies.more.submodular import Representation, represent
from alrun.system.errors import SettingError
from alrun.system.units import MEGABYTE, Megabytes

# Classes by number, from 0, or by name, or the rare ones; the data say which these are (alrun.loop.components).
Classes = Annotated[list[Annotated[int, Ge(0)] | str], MinLen(1)] | Literal["rare"]


class Targeted(Strategy):
    """Base of the three families: sets by class, representations and greedy choice."""

    def __init__(self, representation: Representation, memory: Megabytes) -> None:
        self.representation: Representation = representation
        self.memory = memory * MEGABYTE
        self.needs = Needs(gradient=True, labeled=True)

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

    def similarity(self, rows: Points, candidates: Points) -> Similarity:
        """Cosine similarities of ``candidates`` to ``rows``."""
        return Similarity(candidates, rows, cosine, self.memory)


def mask_of_classes(labels: Tensor, classes: Sequence[int | str] | Literal["rare"], key: str) -> Tensor:
    """Which of ``labels`` (m,) are among ``classes``: (m,) bool.

    Raises:
        UserError: None is, or classes have names that no data set maps to numbers.
    """
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
        query_classes: Classes wanted, by number or name, or ``rare``; null: those with the fewest labeled examples.
        trade_off: Weight of the similarity to the query set (η in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flqmi", "flvmi", "gcmi", "logdetmi", "com"] = "flqmi",
        query_classes: Classes | None = None,
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
        private_classes: Classes to avoid, by number or name, or ``rare``; null: all labeled examples, so that nothing
            similar is queried again.
        trade_off: Weight of the dissimilarity to the private set (ν in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flcg", "gccg", "logdetcg"] = "flcg",
        private_classes: Classes | None = None,
        trade_off: Annotated[float, Ge(0)] = 1.0,
        representation: Representation = "gradient",
        memory: Megabytes = 2000,
    ) -> None:
        super().__init__(representation, memory)
        self.name = function
        self.private_classes = private_classes
        self.trade_off = trade_off

    def function(self, pool: Points, query: Query) -> SetFunction:
        """The function that ``function`` names, over the ``pool``."""
        labels = query.labels
        unwanted = torch.ones_like(labels, dtype=torch.bool)
        if self.private_classes is not None:
            unwanted = mask_of_classes(labels, self.private_classes, "strategy.private_classes")
        private = self.known(query, unwanted)
        to_pool = self.similarity(pool, pool)
        if self.name == "logdetcg":
            return LogDeterminant(to_pool, self.similarity(pool, private))
        likeness = self.similarity(private, pool).of(slice(None))
        if self.name == "gccg":
            return GraphCut(to_pool, modular=-2 * self.trade_off * likeness.sum(1))
        return FacilityLocation(to_pool, floor=self.trade_off * likeness.amax(1))


class ConditionalMutualInformation(Targeted):
    """Examples that resemble the labeled ones of ``query_classes`` and differ from those of ``private_classes``.

    Args:
        function: ``flcmi`` (facility location) or ``logdetcmi`` (log determinant).
        query_classes: Classes wanted, by number or name, or ``rare``; null: those with the fewest labeled examples.
        private_classes: Classes to avoid, by number or name, or ``rare``; null: all others.
        trade_off: Weight of the similarity to the query set (η in the paper).
        private_trade_off: Weight of the dissimilarity to the private set (ν in the paper).
        representation: ``gradient`` or ``embedding``.
        memory: Megabytes that a matrix of similarities may take.
    """

    def __init__(
        self,
        function: Literal["flcmi", "logdetcmi"] = "flcmi",
        query_classes: Classes | None = None,
        private_classes: Classes | None = None,
        trade_off: Annotated[float, Ge(0)] = 1.0,
        private_trade_off: Annotated[float, Ge(0)] = 1.0,
        representation: Representation = "gradient",
        memory: Megabytes = 2000,
    ) -> None:
        super().__init__(representation, memory)
        self.name = function
        self.query_classes = query_classes
        self.private_classes = private_classes
        self.trade_off = trade_off
        self.private_trade_off = private_trade_off

    def function(self, pool: Points, query: Query) -> SetFunction:
        """The function that ``function`` names, over the ``pool``."""
        labels = query.labels
        classes = rarest_classes(labels) if self.query_classes is None else self.query_classes
        wanted = mask_of_classes(labels, classes, "strategy.query_classes")
        unwanted = ~wanted
        if self.private_classes is not None:
            unwanted = mask_of_classes(labels, self.private_classes, "strategy.private_classes")
        to_pool = self.similarity(pool, pool)
        if self.name == "logdetcmi":
            private = self.similarity(pool, self.known(query, unwanted)) if unwanted.any() else None
            both = self.similarity(pool, self.known(query, wanted | unwanted))
            return WeightedSum(LogDeterminant(to_pool, private), LogDeterminant(to_pool, both), -1)
        cap = self.trade_off * self.similarity(self.known(query, wanted), pool).of(slice(None)).amax(1)
        floor = torch.zeros_like(cap)
        if unwanted.any():
            floor = self.private_trade_off * self.similarity(self.known(query, unwanted), pool).of(slice(None)).amax(1)
        return FacilityLocation(to_pool, floor=floor, cap=cap)
