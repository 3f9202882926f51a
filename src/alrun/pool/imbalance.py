"""``imbalance=``: some classes of the pool have fewer examples than others."""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge

from alrun.data.dataset import ImageData, counts_of
from alrun.pool.classes import Given, class_numbers, names_of
from alrun.system.errors import SettingError

Ratio = Annotated[float, Ge(1)]  # of the largest class to the smallest


@runtime_checkable
class Imbalance(Protocol):
    """Leaves examples of classes out of the pool, and says which classes are rare."""

    def unbalance(self, data: ImageData, rng: np.random.Generator) -> ImageData:
        """``data`` with fewer training examples, drawn by ``rng``, and ``data.rare``; strangers stay as they are."""
        ...


class NoImbalance:
    """The classes as they are in the data set."""

    def unbalance(self, data: ImageData, rng: np.random.Generator) -> ImageData:
        """``data`` itself."""
        return data


class LongTail:
    """Exponential sizes: of C classes, the c-th largest has n * ratio^(-c / (C - 1)) examples, c from 0, rounded down.

    n is as large as the sizes of all classes allow. Where the data set is balanced, it is the size of a class.

    Args:
        ratio: Of the largest class to the smallest.
        rare: The rarest classes, which count as rare: how many, or a list that ends with the rarest; null: a third of
            all. The order of the others is drawn.

    Source: Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, Section 5.1; their code.
    """

    def __init__(self, ratio: Ratio, rare: Given | None = None) -> None:
        self.ratio = ratio
        self.rare = rare

    def unbalance(self, data: ImageData, rng: np.random.Generator) -> ImageData:
        """The pool with its long tail.

        Raises:
            UserError: The smallest class would have no example, or all classes are rare.
        """
        counts = counts_of(data.train_labels, data.classes)
        present = np.flatnonzero(counts).tolist()
        rare = drawn_or_listed(max(1, len(present) // 3) if self.rare is None else self.rare, present, data, rng)
        order = rng.permutation([label for label in present if label not in rare]).tolist() + rare
        shrunk = self.ratio ** (np.arange(len(order)) / (len(order) - 1))
        most = float((counts[order] * shrunk).min())
        sizes = np.floor(most / shrunk + 1e-9).astype(int)
        return kept(data, dict(zip(order, sizes.tolist(), strict=True)), rare, self.ratio, rng)


class Step:
    """Some classes are rare: each keeps a ``ratio``-th of its examples, rounded down; the others keep all of theirs.

    Args:
        ratio: Of the examples that a rare class had to those that it keeps.
        rare: How many classes are rare, drawn; or which.

    Source: Buda et al., A Systematic Study of the Class Imbalance Problem in Convolutional Neural Networks, Neural
    Networks 2018, Section 3.1.
    """

    def __init__(self, ratio: Ratio, rare: Given) -> None:
        self.ratio = ratio
        self.rare = rare

    def unbalance(self, data: ImageData, rng: np.random.Generator) -> ImageData:
        """The pool with its rare classes.

        Raises:
            UserError: A rare class would have no example, or all classes are rare.
        """
        counts = counts_of(data.train_labels, data.classes)
        rare = drawn_or_listed(self.rare, np.flatnonzero(counts).tolist(), data, rng)
        sizes = {label: int(counts[label] / self.ratio + 1e-9) for label in rare}
        return kept(data, sizes, rare, self.ratio, rng)


class Natural:
    """The pool as it is in the data set; the test set as it is, or with equally many examples of each class.

    No other option of imbalance= touches the test set.

    Args:
        test: ``as_is``, or ``balanced``: each class keeps as many test examples as the smallest that has any, evenly
            spaced, the same for all seeds.
        rare: Classes that count as rare: how many of the smallest, or which; null: those that have at most half as many
            examples as the median class (alrun.data.rare).
    """

    def __init__(self, test: Literal["as_is", "balanced"] = "as_is", rare: Given | None = None) -> None:
        self.test = test
        self.rare = rare

    def unbalance(self, data: ImageData, rng: np.random.Generator) -> ImageData:
        """The same pool."""
        rare = None
        if self.rare is not None:
            counts = counts_of(data.train_labels, data.classes)
            smallest = [label for label in np.argsort(counts, kind="stable").tolist() if counts[label]]
            listed = smallest[: self.rare] if isinstance(self.rare, int) else class_numbers(self.rare, data, KEY)
            rare = tuple(sorted(check_some_are_common(listed, smallest)))
        if self.test == "as_is":
            return data.part(rare=rare)
        tested = counts_of(data.test_labels, data.classes)
        each = int(tested[tested > 0].min(initial=len(data.test_labels)))
        members = [np.flatnonzero(data.test_labels == label) for label in np.flatnonzero(tested)]
        chosen = [of_class[np.linspace(0, len(of_class) - 1, each).astype(int)] for of_class in members]
        return data.part(test=np.sort(np.concatenate([*chosen, np.empty(0, int)])), rare=rare)


KEY = "imbalance.rare"


def drawn_or_listed(given: Given, present: Sequence[int], data: ImageData, rng: np.random.Generator) -> list[int]:
    """The rare classes: as many of those that are ``present`` as ``given`` says, drawn; or those that it lists.

    Raises:
        UserError: They are all, or one is not there.
    """
    if not isinstance(given, int):
        return check_some_are_common(class_numbers(given, data, KEY), present)
    return check_some_are_common(rng.permutation(present)[:given].tolist(), present)


def check_some_are_common(rare: list[int], present: Sequence[int]) -> list[int]:
    """``rare``, after a check that another class is there.

    Raises:
        UserError: There is none.
    """
    if set(present) <= set(rare):
        raise SettingError(f"{KEY}: all {len(present)} classes of the pool would be rare: leave one or more common.")
    return rare


def kept(data: ImageData, sizes: dict[int, int], rare: list[int], ratio: float, rng: np.random.Generator) -> ImageData:
    """``data`` with ``sizes[label]`` examples of a class, drawn; all of a class that has no size.

    Raises:
        UserError: A class would have none.
    """
    mask = np.ones(len(data.train_labels), bool)
    for label in sorted(sizes):
        members = np.flatnonzero(data.train_labels == label)
        if not sizes[label]:
            raise SettingError(
                f"imbalance.ratio={ratio:g} leaves no example of the class {names_of(data)[label]}, which has "
                f"{len(members)}: lower it."
            )
        mask[rng.permutation(members)[sizes[label] :]] = False
    return data.part(None if mask.all() else np.flatnonzero(mask), rare=tuple(sorted(rare)))
