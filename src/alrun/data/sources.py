"""Where data sets come from: functions named by ``dataset._target_``, each returning an ImageData."""

import contextlib
import io
import zipfile
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from alrun.data.dataset import ImageData
from alrun.errors import UserError, first_line

Numbers = list[float] | None
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # training images and labels, test images and labels

# Folder of each data set under paths.data, beside torchvision's own places right under it.
FOLDERS = {
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "CIFAR10": "cifar10",
    "CIFAR100": "cifar100",
    "SVHN": "svhn",
}


def digits(root: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """scikit-learn's handwritten digits: 1,297 to label and 500 to test, stratified, always the same ones."""
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
    return ImageData(*_torchvision_arrays(name, root), mean, std)


@cache
def _torchvision_arrays(name: str, root: str) -> Arrays:
    from alrun.data.torchvision_import import torchvision

    dataset = getattr(torchvision.datasets, name)

    def splits(folder: str | Path, download: bool):
        which = [{"split": s} for s in ("train", "test")] if name == "SVHN" else [{"train": t} for t in (True, False)]
        return [dataset(str(folder), **arguments, download=download) for arguments in which]

    parts = None
    for folder in (Path(root), Path(root, FOLDERS[name])):
        with contextlib.suppress(RuntimeError):  # torchvision's word for: not there, or a checksum is wrong
            parts = splits(folder, download=False)
            break
        if archives := sorted((folder / name / "raw").glob("*.gz")):
            # MNIST as its archives: torchvision checks and unpacks them, here in a folder that can be written to.
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
            raise UserError(
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
    return four(arrays)


def packed_jpeg(root: str, path: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """JPEG files joined in one npz, with ``{train,test}_{jpeg,offsets,labels}``; all images of one size."""
    return ImageData(*_packed_arrays(path), mean, std)


def tiny_imagenet(root: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """100 classes of Tiny ImageNet at 32x32, packed in ``<root>/tinyimagenet100_32/tinyimagenet100_32_jpeg.npz``."""
    return packed_jpeg(root, str(Path(root, "tinyimagenet100_32", "tinyimagenet100_32_jpeg.npz")), mean, std)


@cache
def _packed_arrays(path: str) -> Arrays:
    from PIL import Image

    stored = _read_npz(path, [f"{s}_{k}" for s in ("train", "test") for k in ("jpeg", "offsets", "labels")])
    arrays = []
    for split in ("train", "test"):
        stream, offsets = stored[f"{split}_jpeg"].data, stored[f"{split}_offsets"].tolist()
        pictures = [Image.open(io.BytesIO(stream[start:stop]), formats=["JPEG"]) for start, stop in pairwise(offsets)]
        images = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
        arrays += [np.ascontiguousarray(images.transpose(0, 3, 1, 2)), stored[f"{split}_labels"].astype(np.int64)]
    return four(arrays)


def npz(root: str, path: str, mean: Numbers = None, std: Numbers = None) -> ImageData:
    """Arrays ``{train,test}_{images,labels}`` in one npz; images (N, H, W), (N, H, W, C) or (N, C, H, W), uint8."""
    stored = _read_npz(path, [f"{s}_{k}" for s in ("train", "test") for k in ("images", "labels")])
    arrays = []
    for split in ("train", "test"):
        images, labels = stored[f"{split}_images"], stored[f"{split}_labels"]
        if images.ndim == 3:
            images = images[:, None]
        elif images.ndim == 4 and images.shape[-1] <= 4 < images.shape[1]:
            images = images.transpose(0, 3, 1, 2)
        whole = np.issubdtype(labels.dtype, np.integer)  # others are refused by ImageData, which names their type
        arrays += [np.ascontiguousarray(images), labels.astype(np.int64) if whole else labels]
    return ImageData(*four(arrays), mean, std)


def _read_npz(path: str, names: list[str]) -> dict[str, np.ndarray]:
    if not Path(path).is_file():
        raise UserError(f"dataset.path={path}: there is no such file; give the path of an npz file.")
    missing = []
    try:
        with open(path, "rb") as handle:
            file = np.load(handle, allow_pickle=False)
            known = file.files if isinstance(file, np.lib.npyio.NpzFile) else []  # a single array otherwise
            missing = [name for name in names if name not in known]
            if not missing:
                return {name: file[name] for name in names}
    except (ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"dataset.path={path} cannot be read as npz: {first_line(error)}.") from error
    raise UserError(f"dataset.path={path} lacks the arrays {', '.join(missing)}.")


def hold_out(images: np.ndarray, labels: np.ndarray, test_size: float) -> Arrays:
    """A test split of ``test_size`` (a count or a share) of every class, always the same examples."""
    train, test = held_out(labels, test_size)
    return images[train], labels[train], images[test], labels[test]


def held_out(labels: np.ndarray, test_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and of the test examples of such a split."""
    from sklearn.model_selection import train_test_split

    positions = np.arange(len(labels))
    train, test = train_test_split(positions, test_size=test_size, stratify=labels, random_state=0)
    return np.asarray(train), np.asarray(test)


def four(arrays: list[np.ndarray]) -> Arrays:
    """The list as a tuple whose length is known."""
    train_images, train_labels, test_images, test_labels = arrays
    return train_images, train_labels, test_images, test_labels
