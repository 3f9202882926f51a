"""Two data sets in one pool: whether they fit together, and their examples in one array."""

from dataclasses import replace

import numpy as np

from alrun.data.dataset import ImageData, kind_of
from alrun.pool.classes import names_of
from alrun.system.errors import DataError, SettingError


def fitting(data: ImageData, other: ImageData | None, key: str, option: str) -> ImageData:
    """``other``, the data set of the setting ``key``, on the scale of ``data``, whose examples are of the same shape.

    Raises:
        UserError: There is none, or they differ in kind or shape.
    """
    if other is None:
        raise SettingError(f"{option} takes examples of another data set: name one, as by dataset@{key}=image_folder.")
    if other.is_unlabeled:
        raise DataError(f"{key} has examples without labels: give labeled ones.")
    (kind, shape, of), (its, its_shape, its_of) = (
        (kind_of(each.train_images), each.train_images.shape[1:], each.train_images.dtype) for each in (data, other)
    )
    if (kind, shape, of) != (its, its_shape, its_of):
        raise DataError(
            f"{key} holds {its} ({its_of}) of shape {its_shape}, the data set {kind} ({of}) of shape {shape}: store "
            "both alike, give images one size (dataset.size), or make features of both by encoder=..."
        )
    if data.columns and other.columns and data.columns != other.columns:
        raise DataError(
            f"{key} has the columns {', '.join(other.columns)}, the data set {', '.join(data.columns)}: name the same "
            f"ones in the same order, by {key}.columns=[{','.join(data.columns)}]."
        )
    return other if data.scale is other.scale else on_scale(data, other)


def on_scale(data: ImageData, other: ImageData) -> ImageData:
    """``other`` standardized as ``data`` is: by the mean and the standard deviation of its pool, if it is at all."""
    center, spread = data.scale or (0.0, 1.0)
    its_center, its_spread = other.scale or (0.0, 1.0)
    train, test = (
        ((part * its_spread + its_center - center) / spread).astype(np.float32)
        for part in (other.train_images, other.test_images)
    )
    return replace(other, train_images=train, test_images=test, scale=data.scale, content=None)


def labels_in(data: ImageData, other: ImageData, labels: np.ndarray, key: str) -> np.ndarray:
    """``labels`` (k,) of ``other`` as numbers of the classes of ``data`` that have the same names.

    Raises:
        UserError: A class is not one of these.
    """
    own = {name: number for number, name in enumerate(names_of(data))}
    names = names_of(other)
    present = np.unique(labels)
    if strange := [names[label] for label in present if names[label] not in own]:
        raise DataError(
            f"{key}: the class {strange[0]} is not one of the data set's ({', '.join(list(own)[:5])}"
            f"{', ...' if len(own) > 5 else ''}): give examples of the same classes, under the same names."
        )
    number = np.full(len(names), -1)
    number[present] = [own[names[label]] for label in present]
    return number[labels]


def check_share(group: str, share: float, count: int, there: int, most: float) -> None:
    """Refuse a share of the pool for which another data set has too few training examples.

    Args:
        group: Of the settings.
        share: The setting.
        count: The examples that it takes.
        there: The training examples of the other data set.
        most: The largest share that is possible.

    Raises:
        UserError: ``count`` are more than are ``there``.
    """
    if count > there:
        raise SettingError(
            f"{group}.share={share:g} of the pool are {count} examples, and {group}.dataset has {there} training "
            f"examples: lower it to {most:.3g} or less."
        )


def drawn(count: int, there: int, places: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which ``count`` of ``there`` examples join a pool, and at which of its ``places``: ascending, (count,) each."""
    return np.sort(rng.permutation(there)[:count]), np.sort(rng.permutation(places)[:count])


def mixed(first: np.ndarray, second: np.ndarray, at: np.ndarray) -> np.ndarray:
    """``first`` and ``second`` (k, ...) in one array, each in its order: ``second`` at positions ``at`` (k,)."""
    made = np.empty((len(first) + len(second), *first.shape[1:]), first.dtype)
    others = np.ones(len(made), bool)
    others[at] = False
    made[at], made[others] = second, first
    return made


def joined(
    data: ImageData, own: np.ndarray | slice, other: ImageData, its: np.ndarray, labels: np.ndarray, at: np.ndarray
) -> ImageData:
    """``data`` with a pool of two data sets.

    Args:
        data: The first data set.
        own: Positions of its training examples that stay in the pool.
        other: The second data set.
        its: Positions (k,) of its training examples that join the pool.
        labels: Their labels (k,).
        at: Their positions (k,) in the pool.
    """
    originals = None  # of a pool of vectors; none where a part has none, or they differ in shape
    first, second = data.originals, other.originals
    if first is not None and second is not None and first.shape[1:] == second.shape[1:]:
        originals = mixed(first[own], second[its], at)
    return data.part(
        train_images=mixed(data.train_images[own], other.train_images[its], at),
        train_labels=mixed(data.train_labels[own], labels, at),
        rows=mixed(data.rows_read[own], np.full(len(at), -1), at),
        files=None,
        originals=originals,
    )
