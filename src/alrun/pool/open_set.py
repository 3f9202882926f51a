"""``open_set=``: a part of the pool belongs to no class. An annotator answers "none of these", and is paid for it.

Such examples are strangers: their label is STRANGER. They are neither trained on nor tested on, nor in the seed set.
"""

from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge, Lt

from alrun.data.dataset import STRANGER, ImageData, counts_of
from alrun.pool.classes import Given, class_numbers, names_of
from alrun.pool.joined import check_share, drawn, fitting, joined
from alrun.system.errors import SettingError

Share = Annotated[float, Ge(0), Lt(1)]  # of the pool


@runtime_checkable
class OpenSet(Protocol):
    """Puts strangers into the pool."""

    def open(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """``data`` with strangers in its training split, drawn by ``rng``; ``other`` is the data set of the setting."""
        ...


class NoStrangers:
    """Every example belongs to a class."""

    def open(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """``data`` itself."""
        return data


class HeldOut:
    """Some classes are not known: their training examples are strangers, their test examples are left out.

    The other classes are numbered without them, in their order.

    Args:
        classes: How many classes are not known, drawn; or which.
        share: Of strangers in the pool: the larger part is thinned until it is reached; null: all stay.
    """

    def __init__(self, classes: Given, share: Share | None = None) -> None:
        self.classes = classes
        self.share = share

    def open(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """The pool with strangers.

        Raises:
            UserError: Fewer than two classes would be left with examples.
        """
        present = np.flatnonzero(counts_of(data.train_labels, data.classes)).tolist()
        key = "open_set.classes"
        if isinstance(self.classes, int):
            strange = set(rng.permutation(present)[: self.classes].tolist())
        else:
            strange = set(class_numbers(self.classes, data, key))
        known = [label for label in range(data.classes) if label not in strange]
        left = sum(label in present for label in known)
        if left < 2:
            raise SettingError(
                f"{key} leaves {left} of the {len(present)} classes of the pool, and two or more must be known: "
                + (f"hold out {len(present) - 2} at most." if len(present) > 2 else "use open_set=dataset or none.")
            )
        number = np.full(data.classes, STRANGER)
        number[known] = np.arange(len(known))
        labels = number[data.train_labels]
        chosen = None if self.share is None else thinned(labels == STRANGER, self.share, rng)
        tested = number[data.test_labels]
        names, before = names_of(data), data.numbers or tuple(range(data.classes))
        return data.part(
            chosen,
            np.flatnonzero(tested != STRANGER),
            train_labels=labels if chosen is None else labels[chosen],
            test_labels=tested[tested != STRANGER],
            class_names=[names[label] for label in known],
            numbers=tuple(before[label] for label in known),
            strange={before[label]: names[label] for label in strange},
        )


class FromDataset:
    """Training examples of another data set are strangers in the pool, at random positions.

    Args:
        share: Of strangers in the pool, which grows by them.
    """

    def __init__(self, share: Share) -> None:
        self.share = share

    def open(self, data: ImageData, other: ImageData | None, rng: np.random.Generator) -> ImageData:
        """The pool with strangers.

        Raises:
            UserError: The other data set has too few examples, or of another shape.
        """
        other = fitting(data, other, "open_set.dataset", "open_set=dataset")
        own, there = len(data.train_labels), len(other.train_labels)
        count = round(own * self.share / (1 - self.share))
        check_share("open_set", self.share, count, there, most=there / (own + there))
        if not count:
            return data
        its, at = drawn(count, there, own + count, rng)
        return joined(data, slice(None), other, its, np.full(count, STRANGER), at)


def thinned(strange: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Ascending positions of as many examples as there can be if ``share`` of them are ``strange`` (N,) bool.

    Raises:
        UserError: No example of a class would be left.
    """
    strangers, known = np.flatnonzero(strange), np.flatnonzero(~strange)
    few, many = round(len(known) * share / (1 - share)), len(known)
    if few > len(strangers):
        few, many = len(strangers), round(len(strangers) * (1 - share) / share)
    if not many:
        raise SettingError(f"open_set.share={share:g} leaves no example of a class: lower it.")
    return np.sort(np.concatenate([rng.permutation(strangers)[:few], rng.permutation(known)[:many]]))
