"""``seed_set=``: the first labeled examples."""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

import torch
from annotated_types import Ge
from torch import Tensor

from alrun.data.augmentation import Cast
from alrun.models.classifier import Classifier
from alrun.models.outputs import Outputs
from alrun.pool.pool import Pool
from alrun.selection.greedy import maximize
from alrun.selection.k_center import k_center
from alrun.selection.points import Dense
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, cosine
from alrun.settings.option_names import named
from alrun.strategies.base import Strategy, strategies_within
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.query import Query, check_selection, hide_labels
from alrun.system.device import Stopwatch
from alrun.system.errors import SettingError, located
from alrun.system.units import MEGABYTE, Megabytes
from alrun.training.stop_rule import TrainResult


@runtime_checkable
class SeedSet(Protocol):
    """How a run selects its first labeled examples."""

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU."""
        ...


class RandomSeedSet:
    """Uniformly at random, without replacement."""

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU."""
        return candidates[torch.randperm(len(candidates), generator=rng)[:size]]


class EveryClassSeedSet:
    """At random, with at least ``each`` examples of every class: people know a few of what they look for.

    Args:
        each: Examples of a class at least, or all of a class that has fewer.
    """

    def __init__(self, each: Annotated[int, Ge(1)] = 1) -> None:
        self.each = each

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU.

        Raises:
            UserError: ``size`` is too small.
        """
        shuffled = candidates[torch.randperm(len(candidates), generator=rng)]
        labels = pool.labels.cpu()[shuffled]
        first = torch.zeros(len(shuffled), dtype=torch.bool)
        for label in labels.unique():
            first[(labels == label).nonzero().flatten()[: self.each]] = True
        if (least := int(first.sum())) > size:
            raise SettingError(
                f"seed_set.each={self.each} of every class are {least} examples, more than budget.seed_size={size}: "
                "lower it, or raise the size."
            )
        return torch.cat([shuffled[first], shuffled[~first]])[:size]


class PerClassSeedSet(ABC):
    """Equally many examples of every class; the first classes take the remainder."""

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU.

        Raises:
            UserError: A class has too few.
        """
        labels = pool.labels.cpu()[candidates]
        classes = labels.unique().tolist()
        chosen = []
        for place, label in enumerate(classes):
            members = candidates[labels == label]
            share = size // len(classes) + (place < size % len(classes))
            if share > len(members):
                raise SettingError(
                    f"budget.seed_size={size} asks for {share} examples of class {label}, but there are only "
                    f"{len(members)}: lower it, or take seed_set=random."
                )
            if share:
                chosen.append(members[self.among(pool, members, share, chunk)])
        return torch.cat(chosen)

    @abstractmethod
    def among(self, pool: Pool, members: Tensor, size: int, chunk: int) -> Tensor:
        """Positions (size,) in ``members``, which are examples of one class."""


class BalancedSeedSet(PerClassSeedSet):
    """The first examples of every class.

    Source: Section 4.5 of the paper; its notebooks for which ones.
    """

    def among(self, pool: Pool, members: Tensor, size: int, chunk: int) -> Tensor:
        """The first positions (size,)."""
        return torch.arange(size)


class FromStrategy:
    """The selection of a strategy from a pool without labels: the cold start.

    The strategy reads ``embeddings`` instead of those of the model, which is not trained yet.

    Args:
        strategy: One that only reads embeddings: TypiClust, ProbCover, MaxHerding, k-means, CORESET.
        embeddings: What stands for the examples.
    """

    def __init__(self, strategy: Strategy, embeddings: Embeddings) -> None:
        needs = strategy.needs
        reads = needs.log_probs or needs.gradient or needs.dropout_samples or strategy.on_vectors is not None
        if reads or any(each.is_oracle for each in strategies_within(strategy)):
            raise SettingError(
                f"{named(strategy, 'seed_set.strategy', 'strategy')} reads a trained model, and there is none yet: use "
                "typiclust, probcover, max_herding, kmeans or coreset."
            )
        self.strategy = strategy
        self.embeddings = embeddings

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU."""
        rows = self.embeddings.whole(pool, chunk)
        nothing = torch.empty(0, dtype=torch.int64)
        query = Query(
            size=size,
            unlabeled=Outputs(candidates, embedding=rows[candidates.to(rows.device)]),
            labeled=Outputs(nothing, embedding=rows[:0]),
            strangers=Outputs(nothing, embedding=rows[:0]),
            rng=rng,
            pool=hide_labels(replace(pool, labeled=nothing, strangers=nothing)),
            model=Untrained(),
            trained=TrainResult(math.nan, 0, 0, "", 0.0),
            normalize=Cast(pool.device),
            chunk=chunk,
            training=Stopwatch(pool.device),
            fit=refuse,
            detector=refuse,
        )
        with located(named(self.strategy, "seed_set.strategy", "strategy")):
            name = type(self.strategy).__name__
            return candidates[check_selection(self.strategy.select(query), size, len(candidates), name, 0)]


class Untrained(Classifier):
    """A placeholder for the model, which is not trained yet."""

    def embed(self, images: Tensor) -> Tensor:
        """Refuse: there is no model.

        Raises:
            UserError: Always.
        """
        return refuse(images)


def refuse(_: object) -> Any:
    """Refuse: there is no model.

    Raises:
        UserError: Always.
    """
    raise SettingError("there is no trained model yet: use a strategy that only reads embeddings, such as typiclust.")


class RepresentativeSeedSet(PerClassSeedSet):
    """Examples of every class that represent it, or differ most, by their embeddings.

    Args:
        function: ``facility_location``: every example of the class is like a chosen one (cosine, from 0 to 1).
            ``dispersion_min``: each is the farthest from those chosen before it (Euclidean).
        embeddings: What stands for the images.
        per_class: Whether the labels of the whole pool are used, as in the paper, where this models a well-chosen seed
            set. False: examples come from the pool as a whole, without labels.
        memory: Megabytes that a matrix of similarities may take; a larger one is computed again part by part.

    Source: Section 4.6 and Figure 14 of the paper.
    """

    def __init__(
        self,
        function: Literal["facility_location", "dispersion_min"],
        embeddings: Embeddings,
        per_class: bool = True,
        memory: Megabytes = 2000,
    ) -> None:
        self.function = function
        self.embeddings = embeddings
        self.per_class = per_class
        self.memory = memory * MEGABYTE

    def choose(self, pool: Pool, candidates: Tensor, size: int, rng: torch.Generator, chunk: int) -> Tensor:
        """``size`` of the ``candidates``, indices into the pool, on the CPU."""
        if self.per_class:
            return super().choose(pool, candidates, size, rng, chunk)
        return candidates[self.among(pool, candidates, size, chunk)]

    def among(self, pool: Pool, members: Tensor, size: int, chunk: int) -> Tensor:
        """Positions (size,) in ``members``, selected greedily."""
        points = Dense(self.embeddings.whole(pool, chunk)[members.to(pool.device)])
        if self.function == "dispersion_min":
            return k_center(points, points.take(points.sqnorm.argmin()[None]), size).cpu()
        unit = points.normalized()
        return maximize(FacilityLocation(Similarity(unit, unit, cosine, self.memory)), size).cpu()
