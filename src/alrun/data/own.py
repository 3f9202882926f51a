"""``dataset=image_folder``, ``csv``, ``parquet``, ``unlabeled``: a user's own images of any size and kind."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt

from alrun.data import labels
from alrun.data.dataset import ImageData
from alrun.data.decoded_splits import assemble_data
from alrun.data.divided import USUAL, Fraction, split_as_given, split_by_share
from alrun.data.growing_pool import images_of
from alrun.data.image_listing import Found, class_folders, images_under
from alrun.data.image_source import UNKNOWN, Files, ParquetRows, Split
from alrun.data.image_table import read_image_table
from alrun.data.listed_images import list_images
from alrun.data.manifest import read_manifest
from alrun.data.memory_map import decode_images
from alrun.data.sources import Numbers
from alrun.data.split_paths import list_split_folders, parquet_files
from alrun.system.errors import DataError

Side = Annotated[int, Ge(1)]  # pixels
Channels = Literal[1, 3]  # gray, color
White = Annotated[float, Gt(0)] | None  # the value that is white in the files


def image_folder(
    root: str,
    path: str,
    test_split: str | None = None,
    class_level: Literal[1, 2] | None = None,
    size: Side = 32,
    channels: Channels = 3,
    white: White = None,
    test_fraction: Fraction = USUAL,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images sorted into class folders.

    Folders ``train`` and ``test`` (or ``val``; in any case and spelling) under ``path`` that hold class folders are the
    splits; otherwise ``test_fraction`` of every class, the same examples each time, is held out.
    """
    train, test = list_split_folders(path, test_split, class_level)
    whole = Found()
    whole.add(train)
    if test is not None:
        whole.add(test)
    numbers, classes = labels.number_labels(whole.labels, lambda position: f"dataset: {whole.paths[position]}")
    every = Split(Files(whole.paths, whole.keys), np.arange(len(numbers)), numbers)
    if test is None:
        splits = split_by_share(every, test_fraction, classes)
    else:
        splits = split_as_given(every, len(train.paths), test_fraction, classes, f"dataset.path={path}")
    return assemble_data(*splits, classes, root, size, channels, white, memory_map, mean, std, whole.passed)


def csv(
    root: str,
    path: str,
    images: str | None = None,
    path_column: str = "path",
    label_column: str = "label",
    split_column: str = "split",
    group: str | None = None,
    test_split: str | None = None,
    size: Side = 32,
    channels: Channels = 3,
    white: White = None,
    test_fraction: Fraction = USUAL,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images listed in a CSV with their classes; paths are relative to ``images``, the CSV's folder by default.

    A column ``split`` with ``train`` and ``test`` says which is which; without one ``test_fraction`` is held out.
    """
    found, order, first, places, groups = list_images(
        path, images, path_column, label_column, split_column, group, test_split
    )
    where = f"dataset.path={path}"
    labels.refuse_fractions(found.labels, f"{where}, column {label_column}")
    numbers, classes = labels.number_labels([found.labels[at] for at in order], places)
    whole = Split(Files(found.paths, found.keys), order, numbers, groups)
    if first == len(order):
        splits = split_by_share(whole, test_fraction, classes)
    else:
        splits = split_as_given(whole, first, test_fraction, classes, where)
    return assemble_data(*splits, classes, root, size, channels, white, memory_map, mean, std, found.passed)


def parquet(
    root: str,
    path: str,
    image_column: str = "image",
    label_column: str = "label",
    group: str | None = None,
    test_split: str | None = None,
    size: Side = 32,
    channels: Channels = 3,
    white: White = None,
    test_fraction: Fraction = USUAL,
    memory_map: bool = False,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """Images inside Parquet files with their classes, as the Hugging Face libraries write them.

    ``path`` is a file, or a folder; the names of files or folders in it say which split each is of. Where there is no
    test split, ``test_fraction`` of every class is held out.
    """
    train_files, test_files = parquet_files(path, test_split)
    rows = ParquetRows([*train_files, *test_files], image_column, label_column, group)
    labels.refuse_fractions(rows.labels, f"dataset.path={path}, column {label_column}")
    numbers, classes = labels.number_labels(rows.labels, lambda at: f"dataset.path: {rows.name(at)}", rows.class_names)
    groups = None if group is None else np.array([str(each) for each in rows.belongs])
    whole = Split(rows, np.arange(len(numbers)), numbers, groups)
    if test_files:
        first = sum(file.metadata.num_rows for file in rows.files[: len(train_files)])
        splits = split_as_given(whole, first, test_fraction, classes, f"dataset.path={path}")
    else:
        splits = split_by_share(whole, test_fraction, classes, in_order=True)  # row groups are then read once each
    return assemble_data(*splits, classes, root, size, channels, white, memory_map, mean, std, Counter())


def unlabeled(
    root: str,
    path: str,
    classes: list[Any],
    test: str | None = None,
    size: Side = 32,
    channels: Channels = 3,
    white: White = None,
    memory_map: bool = False,
    manifest: str | None = None,
    mean: Numbers = None,
    std: Numbers = None,
) -> ImageData:
    """All images under a folder, to be labeled with ``alrun ask`` and ``alrun tell``.

    ``test`` is a folder of class folders, or a CSV of paths and labels, to measure accuracy on; without it, accuracy
    is not measured. The ``manifest`` of a labeling project holds its pool, instead of the folder.
    """
    names = class_names(classes)
    tested = labeled_test_split(test, names)
    if manifest is not None:
        return grown(Path(manifest), Path(path), tested, names, size, channels, white, memory_map, mean, std)
    found = images_under(Path(path))
    count = len(found.paths)
    train = Split(Files(found.paths, found.keys), np.arange(count), np.full(count, UNKNOWN, np.int64))
    return assemble_data(train, tested, names, root, size, channels, white, memory_map, mean, std, found.passed)


def labeled_test_split(test: str | None, names: list[str]) -> Split:
    """The labeled images to measure accuracy on: none, those of a folder of class folders, or of a CSV.

    Raises:
        UserError: They are not there, or of other classes than ``names``.
    """
    if test is None:
        tested = Split(Files([]), np.arange(0), np.empty(0, np.int64))
    else:
        base = Path(test)
        if not base.exists():
            raise DataError(f"dataset.test={test}: there is no such file or folder; give labeled images, or null.")
        known = class_folders(base) if base.is_dir() else read_image_table(base, None, "path", "label").found
        there = labels.number_labels(known.labels, lambda at: f"dataset.test={test}: {known.paths[at]}")[1]
        if strange := [name for name in there if name not in names]:
            raise DataError(
                f"dataset.test={test} has the class {labels.shown_name(strange[0], names)}, "
                f"which is not in dataset.classes={names}."
            )
        place = {name: number for number, name in enumerate(names)}
        numbers = np.array([place[labels.clean_name(name)] for name in known.labels], np.int64)
        tested = Split(Files(known.paths, known.keys), np.arange(len(numbers)), numbers)
    return tested


def grown(
    manifest: Path,
    folder: Path,
    test: Split,
    classes: list[str],
    size: int,
    channels: int,
    white: float | None,
    memory_map: bool,
    mean: Numbers,
    std: Numbers,
) -> ImageData:
    """The pool of a labeling project, and its test images.

    Raises:
        UserError: The manifest or its pixels are damaged, or test images cannot be read.
    """
    known = read_manifest(manifest)
    if not known.entries:
        raise DataError(f"dataset.manifest={manifest}: a labeling project writes it: alrun ask PROJECT/ ...")
    pool, labels = images_of(known, size, channels, memory_map), np.full(len(known.entries), UNKNOWN, np.int64)
    tested = decode_images(test, size, channels, white)
    names, absent = [str(folder / file) for file in known.files], np.array(known.absent)
    return ImageData(
        *(pool, labels, tested, test.labels, mean, std, classes, names),
        first=known.first,
        absent=absent,
    )


def class_names(given: Sequence[Any]) -> list[str]:
    """The names of classes that a user lists, in one Unicode form.

    Raises:
        UserError: There are fewer than two, some are repeated, or YAML changed one that was not in quotes.
    """
    for name in given:
        if name is None or isinstance(name, bool | float):
            raise DataError(
                f"dataset.classes has {name}, which is not text as it was written: put quotes around the names, as "
                """dataset.classes: ["true", "0.50"] in a file and 'dataset.classes=["true","0.50"]' in a shell."""
            )
    names = [labels.clean_name(str(name)) for name in given]
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise DataError(f"dataset.classes={names}: give the names of two or more classes, each once: [cat,dog].")
    labels.check_alike(sorted(names), Counter(names), lambda name: "in dataset.classes")
    return names
