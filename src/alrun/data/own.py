"""``dataset=image_folder``, ``csv``, ``parquet``, ``unlabeled``: own pictures, whatever their size and kind."""

from pathlib import Path

import numpy as np

from alrun.data.dataset import ImageData
from alrun.data.listings import class_folders, pictures_under, table
from alrun.data.memory_map import in_memory, mapped
from alrun.data.sources import Numbers, held_out
from alrun.data.splits import UNKNOWN, Files, ParquetRows, Split, numbered
from alrun.errors import UserError, at_least, first_line


def image_folder(
    root: str,
    path: str,
    size: int = 32,
    channels: int = 3,
    test_fraction: float = 0.2,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images sorted into class folders.

    With folders ``train`` and ``test`` under ``path`` these are the splits; otherwise ``test_fraction`` of every
    class, the same examples each time, is held out.
    """
    base = Path(path)
    if (base / "train").is_dir() and (base / "test").is_dir():
        train, classes = class_folders(base / "train")
        test, test_classes = class_folders(base / "test")
        if classes != test_classes:
            raise UserError(f"dataset.path={path}: train and test have different class folders.")
    else:
        whole, classes = class_folders(base)
        train, test = divided(whole, test_fraction)
    return assembled(train, test, classes, root, size, channels, memory_map, mean, std)


def csv(
    root: str,
    path: str,
    images: str | None = None,
    path_column: str = "path",
    label_column: str = "label",
    split_column: str = "split",
    size: int = 32,
    channels: int = 3,
    test_fraction: float = 0.2,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images listed in a CSV with their classes; paths are relative to ``images``, the CSV's folder by default.

    A column ``split`` with ``train`` and ``test`` says which is which; without one ``test_fraction`` is held out.
    """
    columns = [path_column, label_column]
    whole, classes, splits = table(Path(path), images, columns, split_column)
    if splits is None:
        train, test = divided(whole, test_fraction)
    else:
        train, test = (whole.part(np.flatnonzero(splits == name)) for name in ("train", "test"))
    return assembled(train, test, classes, root, size, channels, memory_map, mean, std)


def parquet(
    root: str,
    path: str,
    image_column: str = "image",
    label_column: str = "label",
    test_split: str = "test",
    size: int = 32,
    channels: int = 3,
    test_fraction: float = 0.2,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images inside Parquet files with their classes, as the Hugging Face libraries write them.

    ``path`` is a file, or a folder; files or folders in it whose names begin with ``train`` and ``<test_split>`` are
    the splits. Where there is none of the latter, ``test_fraction`` of every class is held out.
    """
    base = Path(path)
    found = sorted(base.rglob("*.parquet")) if base.is_dir() else [base]
    test_files = [each for each in found if base.is_dir() and is_of(test_split, each, base)]
    train_files = [each for each in found if is_of("train", each, base)]
    if not train_files:
        raise UserError(f"dataset.path={path}: there is no file train*.parquet; name the file, or rename it.")
    rows = ParquetRows([*train_files, *test_files], image_column, label_column)
    if None in rows.labels or UNKNOWN in rows.labels:
        raise UserError(f"dataset.path={path}: some rows have no label; take another test_split, or remove them.")
    if rows.class_names:
        labels, classes = np.array(rows.labels, np.int64), list(rows.class_names)
    else:
        labels, classes = numbered(rows.labels)
    whole = Split(rows, np.arange(len(labels)), labels)
    if test_files:
        first = sum(file.metadata.num_rows for file in rows.files[: len(train_files)])
        train, test = whole.part(np.arange(first)), whole.part(np.arange(first, len(whole)))
    else:
        train, test = divided(whole, test_fraction, in_order=True)  # row groups are then read once each
    return assembled(train, test, classes, root, size, channels, memory_map, mean, std)


def is_of(split: str, path: Path, base: Path) -> bool:
    """Whether a file under ``base`` holds a part of ``split``, by its name or its folder's; ``base`` itself does."""
    return path == base or any(part.startswith(split) for part in path.relative_to(base).parts)


def unlabeled(
    root: str,
    path: str,
    classes: list[str],
    test: str | None = None,
    size: int = 32,
    channels: int = 3,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """All images under a folder, to be labeled by ``python -m alrun.ask`` and ``alrun.tell``.

    ``test`` is a folder of class folders, or a CSV of paths and labels, on which accuracy is measured; without one
    it is not.
    """
    names = [str(name) for name in classes]
    if len(names) < 2 or len(set(names)) < len(names) or not all(name.strip() == name != "" for name in names):
        raise UserError(f"dataset.classes={names}: give the names of two or more classes, each once: [cat,dog].")
    paths = pictures_under(Path(path))
    train = Split(Files(paths), np.arange(len(paths)), np.full(len(paths), UNKNOWN, np.int64))
    if test is None:
        tested = Split(Files([]), np.arange(0), np.empty(0, np.int64))
    else:
        base = Path(test)
        if not base.exists():
            raise UserError(f"dataset.test={test}: there is no such file or folder; give labeled pictures, or null.")
        tested, found = class_folders(base) if base.is_dir() else table(base, None, ["path", "label"], "split")[:2]
        if strange := [name for name in found if name not in names]:
            raise UserError(f"dataset.test={test} has the class {strange[0]}, which is not in dataset.classes={names}.")
        place = np.array([names.index(name) for name in found])
        tested = Split(tested.source, tested.index, place[tested.labels])
    return assembled(train, tested, names, root, size, channels, memory_map, mean, std)


def assembled(
    train: Split,
    test: Split,
    classes: list[str],
    root: str,
    size: int,
    channels: int,
    memory_map: bool,
    mean: Numbers,
    std: Numbers,
) -> ImageData:
    """Both splits decoded, or mapped from files under ``root``."""
    at_least("dataset.size", size, 1)
    if channels not in (1, 3):
        raise UserError(f"dataset.channels={channels}: give 1 (grey) or 3 (colour).")
    arrays: list[np.ndarray] = []
    for split in (train, test):
        if memory_map and len(split):
            images = mapped(split, size, channels, Path(root) / "memory_maps")
        else:
            images = in_memory(split, size, channels)
        arrays += [images, split.labels]
    train_x, train_y, test_x, test_y = arrays
    return ImageData(train_x, train_y, test_x, test_y, mean, std, classes, train.names())


def divided(whole: Split, test_fraction: float, in_order: bool = False) -> tuple[Split, Split]:
    """Training and test split, ``test_fraction`` of every class in the latter.

    Raises:
        UserError: That is not possible.
    """
    if not 0 < test_fraction < 1:
        raise UserError(f"dataset.test_fraction={test_fraction} is no share: give a value between 0 and 1.")
    try:
        train, test = held_out(whole.labels, test_fraction)
    except ValueError as error:  # a class with a single image, say
        raise UserError(
            f"dataset.test_fraction={test_fraction}: {first_line(error)}: give two or more pictures of each class, "
            "another fraction, or a test set of its own."
        ) from error
    if in_order:
        train, test = np.sort(train), np.sort(test)
    return whole.part(train), whole.part(test)
