"""What a data set is to alrun: images, vectors or texts, labels, and how to normalize images."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np

from alrun.data.mapping import give_back
from alrun.system.errors import DataError

log = logging.getLogger(__name__)

STRANGER = -2  # the true label of a training example that belongs to no class
BLOCK = 2**20  # pixels that are counted together
HASHED = 2**26  # bytes that are hashed together


@dataclass(frozen=True)
class Chosen:
    """Some rows of an array in some order, read as they are wanted; ``whole[index]`` would copy all of them."""

    whole: np.ndarray  # (n, ...)
    index: np.ndarray  # (k,)

    @property
    def shape(self) -> tuple[int, ...]:
        """(k, ...)."""
        return (len(self.index), *self.whole.shape[1:])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, at: np.ndarray | slice) -> np.ndarray:
        """The rows at positions ``at`` (j,): (j, ...)."""
        return self.whole[self.index[at]]

    @classmethod
    def of(cls, rows: "np.ndarray | Chosen", index: np.ndarray) -> "Chosen":
        """The rows of ``rows`` at ``index`` (k,)."""
        return cls(rows.whole, rows.index[index]) if isinstance(rows, Chosen) else cls(rows, index)


@dataclass
class ImageData:
    """A training split (the pool) and a test split, of images, of vectors, or of texts for an encoder.

    Images are uint8 (N, C, H, W), vectors float32 or float16 (N, d), texts objects (N,), labels integers
    0..classes-1, in the training split also STRANGER. ``mean`` and ``std`` are per channel of images, on the scale 0 to
    1; where they are None they are computed from the training images. Where the classes have names, training labels may
    be -1: nobody has labeled these examples yet, and there may be no test split.

    Raises:
        UserError: The arrays do not fit this description.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    mean: list[float] | None = None
    std: list[float] | None = None
    class_names: list[str] | None = None
    files: list[str] | None = None  # of the training examples
    originals: np.ndarray | Chosen | None = None  # images (N, C, H, W) that the training vectors were made from
    texts: np.ndarray | None = None  # (N,) that the training vectors were made from, where people are to label them
    content: str | None = None  # a hash of all examples, where it is known without reading them
    passed: dict[str, int] = field(default_factory=dict)  # files that the source left out, by their ending or by why
    test_groups: np.ndarray | None = None  # (n,) text: the patient, the video, the place of each test example
    rare: tuple[int, ...] | None = None  # classes that were made rare, or count as rare; None: nobody said which
    numbers: tuple[int, ...] | None = None  # of the classes before some were held out; None: as they are
    strange: dict[int, str] = field(default_factory=dict)  # names of the classes that were held out, by their numbers
    # (N,) where each training example stood in the split as it was read, -1: in another data set; None: as they stand.
    rows: np.ndarray | None = None
    # What was subtracted from the numbers of each vector (d,), and what they were divided by; None: they are as read.
    scale: tuple[np.ndarray, np.ndarray] | None = None
    columns: list[str] | None = None  # names of the numbers of each vector, in their order
    first: int | None = None  # of a growing pool: the training examples that were there first, which name and scale it
    whole: "ImageData | None" = None  # the data set whose training examples at ``rows`` these are, unchanged
    absent: np.ndarray | None = None  # (N,) bool: training examples that may not be queried any more; None: none
    classes: int = field(init=False)

    def __post_init__(self) -> None:
        for split, images, labels in (
            ("training", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if kind_of(images) is None:
                raise DataError(
                    f"dataset: {split} examples are {images.dtype} of shape {images.shape}; they must be images, uint8 "
                    "of shape (N, C, H, W), or vectors, float32 or float16 of shape (N, d)."
                )
            may_lack = self.class_names is not None
            if len(images) != len(labels) or (not len(labels) and not (may_lack and split == "test")):
                raise DataError(f"dataset: {len(images)} {split} images but {len(labels)} labels.")
            known = labels if split == "test" else labels[labels != STRANGER]
            low = -1 if may_lack and split == "training" else 0
            if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or known.min(initial=0) < low:
                raise DataError(
                    f"dataset: {split} labels must be one integer an example, from 0 up, "
                    f"not {labels.dtype} of shape {labels.shape}."
                )
        train, test = ((kind_of(images), images.shape[1:]) for images in (self.train_images, self.test_images))
        if train != test:
            raise DataError(
                f"dataset: training examples are {train[0]} of shape {train[1]}, test examples {test[0]} of shape "
                f"{test[1]}: store both splits alike."
            )
        highest = int(max(self.train_labels.max(), self.test_labels.max(initial=-1)))
        self.classes = highest + 1 if self.class_names is None else len(self.class_names)
        if highest >= self.classes:
            raise DataError(f"dataset: there is a label {highest}, but names for {self.classes} classes.")
        if self.classes < 2:
            only = f"of one class, {self.class_names[0]}" if self.class_names else "0"
            raise DataError(f"dataset: all labels are {only}; there is nothing to learn.")
        if self.test_groups is not None:
            self.test_groups = self.test_groups.astype(str)
            assert len(self.test_groups) == len(self.test_labels)
        if kind_of(self.train_images) == "images":
            self.check_statistics()

    def check_statistics(self) -> None:
        """See to a mean and a spread of each channel.

        Raises:
            UserError: The given ones do not fit.
        """
        channels = self.channels
        if self.mean is None and self.std is None:
            self.mean, self.std = channel_statistics(self.train_images[: self.first])
        if not numbers(self.mean, channels) or not numbers(self.std, channels) or min(self.std or [0]) <= 0:
            raise DataError(
                f"dataset.mean={self.mean} and dataset.std={self.std} must each hold one number for each of the "
                f"{channels} channels, std above 0, or both be null (computed from the training images)."
            )

    @property
    def is_vectors(self) -> bool:
        """Whether examples are vectors; if not, they are images, or texts that are to become vectors."""
        return kind_of(self.train_images) == "vectors"

    @property
    def shape(self) -> dict[str, Any]:
        """What a model must know of an example: ``features`` of vectors, ``channels`` and ``image_size`` of images."""
        if self.is_vectors:
            return {"features": self.train_images.shape[1]}
        return {"channels": self.channels, "image_size": self.image_size}

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width."""
        return self.train_images.shape[2], self.train_images.shape[3]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.train_images.shape[1]

    @property
    def is_unlabeled(self) -> bool:
        """Whether training examples are there to be labeled, rather than with labels that a run only hides."""
        return bool((self.train_labels == -1).any())

    @property
    def rows_read(self) -> np.ndarray:
        """``rows`` (N,), also where they are as they stand."""
        return np.arange(len(self.train_labels)) if self.rows is None else self.rows

    def thinned(self, train: int, test: int) -> "ImageData":
        """So many examples of each split, evenly spaced, with the normalization and classes of all."""
        counts = ((len(self.train_labels), train), (len(self.test_labels), test))
        if all(count == kept for count, kept in counts):
            return self
        some = self.part(*(np.linspace(0, count - 1, kept).astype(int) for count, kept in counts))
        some.whole = None  # a trial does without the others
        return some

    def part(self, train: np.ndarray | None = None, test: np.ndarray | None = None, **changes: Any) -> "ImageData":
        """The training and test examples at some positions, None for all, with the normalization and classes of all.

        ``changes`` are other fields of the part.
        """
        whole = None if "train_images" in changes else self.whole or self
        if train is not None:
            changes = {
                "train_images": taken(self.train_images, train),
                "train_labels": self.train_labels[train],
                "files": None if self.files is None else [self.files[position] for position in train],
                "originals": None if self.originals is None else Chosen.of(self.originals, train),
                "texts": None if self.texts is None else self.texts[train],
                "rows": self.rows_read[train],
            } | changes
        if test is not None:
            changes = {
                "test_images": taken(self.test_images, test),
                "test_labels": self.test_labels[test],
                "test_groups": None if self.test_groups is None else self.test_groups[test],
            } | changes
        part = replace(self, content=None, whole=whole, **changes)
        part.classes = self.classes if part.class_names is self.class_names else len(part.class_names or ())
        return part

    def held_out(self, count: int, numbers: np.random.Generator) -> "ImageData":
        """``count`` training examples of known classes, drawn by ``numbers``, instead of the test split.

        Raises:
            UserError: No training example would be left, or their labels are not known.
        """
        if self.is_unlabeled:
            raise DataError(f"validation={count} takes labels of the pool, but this data set has none: leave it out.")
        known = np.flatnonzero(self.train_labels != STRANGER)
        if count >= len(known):
            raise DataError(f"validation={count} leaves none of the {len(known)} examples of the pool: hold out fewer.")
        chosen = np.zeros(len(self.train_labels), dtype=bool)
        chosen[known[numbers.permutation(len(known))[:count]]] = True
        held = np.flatnonzero(chosen)
        images, labels = taken(self.train_images, held), self.train_labels[held]
        return self.part(np.flatnonzero(~chosen), test_images=images, test_labels=labels, test_groups=None)

    def fingerprint(self) -> str:
        """A hash of all examples and labels, of a growing pool of the first: a resumed run must see the same data."""
        made_from = self.texts if self.originals is None else self.originals
        if self.first is not None and made_from is not None:  # vectors may differ by how many are computed at once
            return fingerprint((made_from[np.arange(self.first)], self.train_labels[: self.first], self.test_labels))
        if self.first is not None:
            train = self.train_images[: self.first], self.train_labels[: self.first]
            return fingerprint((*train, self.test_images, self.test_labels))
        if self.content is not None:
            return sha256(f"{self.content} {fingerprint((self.train_labels, self.test_labels))}".encode()).hexdigest()[
                :16
            ]
        return fingerprint((self.train_images, self.train_labels, self.test_images, self.test_labels))


def kind_of(examples: np.ndarray) -> str | None:
    """``images``, ``vectors`` or ``texts``; None where it is none of them."""
    kinds = {"images": (4, "uint8"), "vectors": (2, "float32 float16"), "texts": (1, "object")}
    fits = (
        name for name, (ndim, types) in kinds.items() if examples.ndim == ndim and examples.dtype.name in types.split()
    )
    return next(fits, None)


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """A hash of arrays: their shapes, types and content."""
    total = sha256()
    for array in arrays:
        total.update(f"{array.shape}{array.dtype}".encode())
        if array.dtype == object:  # texts
            total.update(json.dumps(array.tolist()).encode())
        else:
            step = max(1, HASHED // max(1, array[:1].nbytes))
            for start in range(0, len(array), step):
                total.update(np.ascontiguousarray(array[start : start + step]).data)
                give_back(array)
    return total.hexdigest()[:16]


def numbers(values: object, count: int) -> bool:
    """Whether ``values`` is a list of ``count`` numbers."""
    return isinstance(values, Sequence) and len(values) == count and all(isinstance(v, int | float) for v in values)


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over all pixels, on the scale 0 to 1; exact, from histograms."""
    mean, std, levels = [], [], np.arange(256) / 255
    counts_of = np.zeros((images.shape[1], 256), np.int64)
    some = max(1, BLOCK // images[0].size)
    for start in range(0, len(images), some):  # bincount takes eight bytes a pixel, and images may be a memory map
        for channel, counts in enumerate(counts_of):
            counts += np.bincount(images[start : start + some, channel].ravel(), minlength=256)
    for counts in counts_of:
        center = float(np.average(levels, weights=counts))
        mean.append(round(center, 6))
        std.append(round(float(np.sqrt(np.average((levels - center) ** 2, weights=counts))), 6))
    return mean, [value or 1.0 for value in std]  # a constant channel stays as it is


def is_mapped(images: np.ndarray) -> bool:
    """Whether ``images`` lie in a file and are read as they are used."""
    return getattr(images, "filename", None) is not None


def taken(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The images at ``index`` (k,), in memory: (k, C, H, W); warns if they are copied out of a memory map."""
    if is_mapped(images):
        size = len(index) * images[0].nbytes
        log.warning("%.1f MB of the memory map are copied into memory, for a part of its images", size / 2**20)
    return images[index]


def counts_of(labels: np.ndarray, classes: int) -> np.ndarray:
    """The examples of each class (classes,); what has no class is not counted."""
    return np.bincount(labels[labels >= 0], minlength=classes)
