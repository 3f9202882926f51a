"""Sources of data sets: functions named by ``dataset._target_``, which return an ImageData."""

import contextlib
import io
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from alrun.data import labels
from alrun.data.dataset import ImageData, fingerprint
from alrun.data.divided import USUAL, Fraction, hold_out_positions, split_as_given, split_by_share
from alrun.data.image_source import Files, Split
from alrun.data.npz_arrays import flatten_labels, names_in, npz_splits, read_arrays
from alrun.system.errors import DataError

Numbers = list[float] | None
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # training images and labels, test images and labels

# Fingerprints of the published arrays: training images and labels, test images and labels.
ORIGINALS = {"MNIST": "309408f7992a8bfd", "FashionMNIST": "656e82f9e774a113"}

# Folder of each data set under paths.data, beside torchvision's own places right under it.
FOLDERS = {
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "CIFAR100": "cifar100",
    "SVHN": "svhn",
}

# Names of the classes, unless they are digits; those of CIFAR-100 are only in its packed file.
CLASSES = {
    "FashionMNIST": [
        *("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ],
    "CIFAR10": [
        *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ],
}


def digits(root: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """scikit-learn's handwritten digits: 1,297 to label and 500 to test, stratified, always the same examples."""
    return ImageData(*_digits_arrays(), mean, std)


@cache  # a sweep in one process reads a data set once
def _digits_arrays() -> Arrays:
    from sklearn.datasets import load_digits

    pixels, labels = map(np.asarray, load_digits(return_X_y=True))
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return hold_out(images, labels, 500)


def torchvision_data(
    root: str,
    name: Literal["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN"],
    source: Literal["original", "packed"] = "original",
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """A data set of torchvision under ``root`` (``paths.data``), downloaded and checked there on first use.

    ``source="packed"`` reads ``<root>/<name>/<name>_jpeg.npz`` (lower case) instead: see packed_jpeg.
    """
    if source == "packed":
        stem = FOLDERS[name]
        return packed_jpeg(root, str(Path(root) / stem / f"{stem}_jpeg.npz"), mean, std)
    return ImageData(*_torchvision_arrays(name, root), mean, std, CLASSES.get(name))


@cache
def _torchvision_arrays(name: str, root: str) -> Arrays:
    from alrun.system.torchvision_import import torchvision

    dataset = getattr(torchvision.datasets, name)

    def splits(folder: str | Path, download: bool):
        which = [{"split": s} for s in ("train", "test")] if name == "SVHN" else [{"train": t} for t in (True, False)]
        return [dataset(str(folder), **arguments, download=download) for arguments in which]

    parts = None
    for folder in (Path(root), Path(root, FOLDERS[name])):
        with contextlib.suppress(RuntimeError):  # torchvision raises it if files are missing or a checksum is wrong
            parts = splits(folder, download=False)
            break
        if archives := sorted((folder / name / "raw").glob("*.gz")):
            # MNIST as archives: torchvision checks and unpacks them, here in a temporary folder.
            with contextlib.suppress(RuntimeError, OSError), TemporaryDirectory() as scratch:
                raw = Path(scratch, name, "raw")
                raw.mkdir(parents=True)
                for archive in archives:
                    (raw / archive.name).symlink_to(archive.resolve())
                parts = splits(scratch, download=True)
                break
    if parts is None:
        try:
            parts = splits(root, download=True)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0].rstrip(":")
            raise DataError(
                f"paths.data={root}: {name} is not there and could not be downloaded ({reason}); put the files of "
                f"torchvision.datasets.{name} into that folder, or name the folder that has them with paths.data=... "
                "or the environment variable ALRUN_DATA."
            ) from error
    arrays = []
    for part in parts:
        images = np.asarray(part.data)
        labels = np.asarray(part.labels if name == "SVHN" else part.targets, dtype=np.int64)
        if images.ndim == 3:
            images = images[:, None]
        elif name.startswith("CIFAR"):
            images = images.transpose(0, 3, 1, 2)
        arrays += [np.ascontiguousarray(images), labels]
    check_original(name, as_arrays(arrays), root)
    return as_arrays(arrays)


def check_original(name: str, arrays: Arrays, root: str) -> None:
    """Refuse files whose content does not match the name of the data set, which alone identifies runs.

    torchvision compares checksums of other data sets, and of the archives of these, but not of unpacked files.
    """
    if name in ORIGINALS and fingerprint(arrays) != ORIGINALS[name]:
        raise DataError(
            f"paths.data={root}: the files of {name} there are not the published ones: replace them, or give data of "
            "your own by dataset=npz dataset.path=...."
        )


def packed_jpeg(root: str, path: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """JPEG files joined in one npz, with ``{train,test}_{jpeg,offsets,labels}`` and ``class_names``; of one size."""
    return ImageData(*_packed_arrays(path), mean, std, _packed_names(path))


def tiny_imagenet(root: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """100 classes of Tiny ImageNet at 32x32, packed in ``<root>/tinyimagenet100_32/tinyimagenet100_32_jpeg.npz``."""
    return packed_jpeg(root, str(Path(root, "tinyimagenet100_32", "tinyimagenet100_32_jpeg.npz")), mean, std)


@cache
def _packed_arrays(path: str) -> Arrays:
    from PIL import Image

    stored = read_arrays(path, [f"{s}_{k}" for s in ("train", "test") for k in ("jpeg", "offsets", "labels")])
    arrays = []
    for split in ("train", "test"):
        stream, offsets = stored[f"{split}_jpeg"].data, stored[f"{split}_offsets"].tolist()
        opened = [Image.open(io.BytesIO(stream[start:stop]), formats=["JPEG"]) for start, stop in pairwise(offsets)]
        images = np.stack([np.asarray(each.convert("RGB")) for each in opened])
        arrays += [np.ascontiguousarray(images.transpose(0, 3, 1, 2)), stored[f"{split}_labels"].astype(np.int64)]
    return as_arrays(arrays)


@cache
def _packed_names(path: str) -> list[str] | None:
    if "class_names" not in names_in(path):
        return None
    names = [str(name) for name in read_arrays(path, ["class_names"])["class_names"]]
    return names if max(map(np.max, _packed_arrays(path)[1::2])) < len(names) else None


def npz(
    root: str,
    path: str,
    images_array: str = "images",
    labels_array: str = "labels",
    group: str | None = None,
    test_split: str | None = None,
    test_fraction: Fraction = USUAL,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Arrays in one npz; images (N, H, W), (N, H, W, C) or (N, C, H, W), uint8, labels (N,) or (N, 1).

    The splits are ``train_<images_array>`` and so on, with ``test_`` or ``val_``. Without a test split, or with only
    ``<images_array>``, ``test_fraction`` of every class is held out.
    """
    stored, first = npz_splits(path, images_array, labels_array, group, test_split)
    images, values, groups = stored
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] <= 4 < images.shape[1]:
        images = images.transpose(0, 3, 1, 2)
    where = f"dataset.path={path}"
    if len(images) != len(values):
        raise DataError(f"{where}: {len(images)} images but {len(values)} labels.")
    values = flatten_labels(values, where, labels_array)
    labels.refuse_fractions(values, f"{where}, array {labels_array}")
    numbers, classes = labels.number_labels(values.tolist(), lambda at: f"{where}, example {at}")
    whole = Split(Files([]), np.arange(len(numbers)), numbers, groups)
    if first == len(numbers):
        train, test = split_by_share(whole, test_fraction, classes)
    else:
        train, test = split_as_given(whole, first, test_fraction, classes, where)
    images = np.ascontiguousarray(images)
    arrays = (images[train.index], train.labels, images[test.index], test.labels)
    return ImageData(*arrays, mean, std, classes, test_groups=test.groups)


def hold_out(images: np.ndarray, labels: np.ndarray, test_size: float) -> Arrays:
    """A test split of ``test_size`` (a count or a share) of every class, always the same examples."""
    train, test = hold_out_positions(labels, test_size)
    return images[train], labels[train], images[test], labels[test]


def as_arrays(arrays: list[np.ndarray]) -> Arrays:
    """The list as a tuple whose length is known."""
    train_images, train_labels, test_images, test_labels = arrays
    return train_images, train_labels, test_images, test_labels
