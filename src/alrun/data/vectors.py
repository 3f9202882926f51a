"""``dataset=features``: vectors that a user already has, one for each example, with their labels."""

from collections.abc import Sequence

import numpy as np

from alrun.data import labels
from alrun.data.dataset import ImageData, fingerprint
from alrun.data.divided import USUAL, Fraction, positions_by_share, refuse_fraction, refuse_shared_groups
from alrun.data.row_checks import refuse_lost
from alrun.data.shards import Shards
from alrun.data.vector_files import Part, chosen, read
from alrun.system.errors import DataError

SPLITS = ("training", "test")
NARROW = 2**20  # labels from the lowest to the highest, up to which they are counted, not sorted


def features(
    root: str,
    path: str,
    labels_path: str | None = None,
    features_array: str = "features",
    labels_array: str = "labels",
    label_column: str = "label",
    split_column: str = "split",
    group: str | None = None,
    test_split: str | None = None,
    test_fraction: Fraction = USUAL,
    standardize: bool = False,
) -> ImageData:
    """Vectors in a file or folder, in one of three forms.

    An npz with ``train_<features_array>``, ``train_<labels_array>`` and the same of a test split; a .npy of all rows,
    with their labels in the same order in a CSV, which may name splits, or in another .npy; or a folder with
    ``train_features.npy``, ``train_labels.npy`` and the same of a test split. Files .npy are mapped into memory. Where
    there is no test split, ``test_fraction`` of every class is held out.
    """
    parts = read(path, labels_path, features_array, labels_array, label_column, split_column, group, test_split)
    return assembled(parts, f"dataset.path={path}", test_fraction, standardize)


def assembled(
    parts: Sequence[Part], where: str, test_fraction: float, standardize: bool, names: Sequence[str] | None = None
) -> ImageData:
    """The data set of one or two ``parts``; from a single part, ``test_fraction`` of every class is held out.

    Raises:
        UserError: Rows or labels cannot be used.
    """
    for part, split in zip(parts, SPLITS, strict=False):
        if len(part.vectors) != len(part.labels):
            raise DataError(f"{where}: {len(part.vectors)} rows of features but {len(part.labels)} labels.")
        if not len(part.labels):
            raise DataError(f"{where}: its {split} split has no rows: add some, or leave that split out.")
        if names is None:
            labels.refuse_fractions(part.labels, part.labels_in or where)
    parts = [part._replace(vectors=usable(part.vectors, where, wide=standardize)) for part in parts]
    numbers, classes = numbered(parts, where, names)
    first = len(parts[0].labels)
    if len(parts) > 1:
        refuse_fraction(test_fraction, where)
        (train, train_y), (test, test_y) = (parts[0].vectors, numbers[:first]), (parts[1].vectors, numbers[first:])
        labels.compare_splits(train_y, test_y, classes, where)
        groups = parts[1].groups
        if parts[0].groups is not None and groups is not None:
            refuse_shared_groups(parts[0].groups, groups, where)
    else:
        groups = parts[0].groups
        split = [np.sort(at) for at in positions_by_share(numbers, test_fraction, classes, groups)]
        (train, train_y), (test, test_y) = ((chosen(parts[0].vectors, at), numbers[at]) for at in split)
        groups = None if groups is None else groups[split[1]]
        for copied in (train, test):
            refuse_lost(copied, where)
    scale = None
    if standardize and isinstance(train, Shards):
        raise DataError(f"{where}: dataset.standardize=true would read all shards at once: standardize what they hold.")
    if standardize:
        for split in (train, test):
            refuse_lost(split, where, large=True)  # all of them are read here
        train, test, scale = standardized(train, test)
    content = f"{train.content} {fingerprint([np.asarray(test)])}" if isinstance(train, Shards) else None
    return ImageData(
        train, train_y, test, test_y, class_names=classes, test_groups=groups, scale=scale, content=content
    )


def numbered(parts: Sequence[Part], where: str, names: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    """Labels of all parts from 0, and the names of the classes; each distinct number is looked at only once."""
    given = [part.labels for part in parts]
    if all(isinstance(each, np.ndarray) and np.issubdtype(each.dtype, np.integer) for each in given) and names is None:
        distinct, place = distinct_of(np.concatenate(given))
        if -1 not in distinct:  # it may say that an example has no label, and then all of them are counted
            of_distinct, classes = labels.number_labels(distinct.tolist(), lambda at: f"{where}, label {distinct[at]}")
            return of_distinct[place], classes
    values = [value for each in given for value in (each.tolist() if isinstance(each, np.ndarray) else each)]
    first = len(given[0])

    def place_of(at: int) -> str:
        return parts[0].place(at) if at < first else parts[1].place(at - first)

    return labels.number_labels(values, place_of, names)


def distinct_of(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct ones of whole ``numbers`` (n,), ascending, and the place of each number among them (n,) int64."""
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    if high - low >= NARROW:
        return np.unique(numbers, return_inverse=True)
    wide = numbers if np.issubdtype(numbers.dtype, np.unsignedinteger) else numbers.astype(np.int64)
    above = (wide - wide.dtype.type(low)).astype(np.int64)  # millions of labels need not be sorted
    present = np.bincount(above, minlength=high - low + 1) > 0
    distinct = np.flatnonzero(present).astype(wide.dtype) + wide.dtype.type(low)
    return distinct.astype(numbers.dtype), (np.cumsum(present) - 1)[above]


def usable(vectors: np.ndarray, where: str, wide: bool = False) -> np.ndarray:
    """Vectors as float32, or as float64 if ``wide``; float32, float16, texts and shards stay as they are.

    Raises:
        UserError: The vectors are not rows of finite numbers.
    """
    if vectors.dtype == object or isinstance(vectors, Shards):
        return vectors
    if vectors.ndim != 2 or not (np.issubdtype(vectors.dtype, np.number) or vectors.dtype == bool) or not vectors.size:
        raise DataError(
            f"{where}: features are {vectors.dtype} of shape {vectors.shape}; they must be numbers of shape (N, d)."
        )
    if np.issubdtype(vectors.dtype, np.complexfloating):
        raise DataError(f"{where}: features are complex numbers: store real and imaginary parts as separate columns.")
    if vectors.dtype in (np.float16, np.float32):
        refuse_lost(vectors, where)
        return vectors
    with np.errstate(over="ignore"):  # what is too large is refused
        narrow = vectors.astype(np.float32)
    refuse_lost(narrow, where)
    return vectors.astype(np.float64) if wide else narrow


def standardized(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Both scaled so that each column of the pool has mean 0 and standard deviation 1; a constant column becomes 0.

    Also what was subtracted (d,) and what it was divided by (d,). In float64: seconds since 1970 are alike in float32.
    """
    varies = train.max(0) > train.min(0)
    mean = np.where(varies, train.mean(0, dtype=np.float64), train[0])  # the mean of equal numbers has round-off
    scale = np.where(varies, train.std(0, dtype=np.float64), 1.0)
    first, second = (((part - mean) / scale).astype(np.float32) for part in (train, test))
    return first, second, (mean, scale)
