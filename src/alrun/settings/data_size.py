"""The size of a user's own data set: its pool and its classes, counted in a listing.

A listing is folders, a CSV, or the labels of Parquet and npz files. It is read without decoding an image and without
torch, since a run's folder is named by its settings before anything else is read.
"""

import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import DictConfig, OmegaConf


class Counted(NamedTuple):
    """The size of a data set, as counted in a listing."""

    pool: int
    classes: int
    by_people: bool = False  # people give the labels


def count_data(cfg: DictConfig) -> Counted | None:
    """The size of the data set in ``cfg``; None if it is not the user's own or cannot be listed."""
    dataset = OmegaConf.to_container(cfg.dataset, resolve=True, throw_on_missing=False)
    known = count_listed(json.dumps(dataset, sort_keys=True, default=str)) if isinstance(dataset, dict) else None
    limit = cfg.get("limit")
    return known if known is None or limit is None else known._replace(pool=min(known.pool, limit))


@cache  # a command composes the settings of many runs on the same data
def count_listed(written: str) -> Counted | None:
    """The size of a data set, from its settings as JSON; None as in count_data."""
    dataset: dict[str, Any] = json.loads(written)
    count = COUNTS.get(str(dataset.get("_target_")))
    paths = [dataset[key] for key in ("path", "test", "images") if isinstance(dataset.get(key), str)]
    if count is None or dataset.get("path") in (None, "???"):
        return None
    if any(os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)) for path in paths):
        return None  # reading a pipe or a device might never end
    with silently():
        try:
            known = count(dataset)
        except Exception:  # whatever damaged files raise: reading the data says what is wrong, in a sentence
            return None
    return known if known.pool > 0 and known.classes > 0 else None


@contextmanager
def silently() -> Iterator[None]:
    """Log nothing: the messages of a listing come again when the data are read."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def of_labels(
    values: Sequence[Any],
    dataset: dict[str, Any],
    first: int,
    groups: np.ndarray | None = None,
    names: list[str] | None = None,
) -> Counted:
    """Count labels as a source holds them; the ``first`` ones are for training: all if a share will be held out."""
    from alrun.data import labels

    return of_numbers(*labels.number_labels(values, str, names), dataset, first, groups)


def of_numbers(
    numbers: np.ndarray, classes: list[str], dataset: dict[str, Any], first: int, groups: np.ndarray | None
) -> Counted:
    """The same for labels that are ``numbers`` (n,) of ``classes``."""
    from alrun.data.divided import positions_by_group

    share = float(dataset["test_fraction"])
    if first == len(numbers):
        train = positions_by_group(numbers, share, classes, groups)[0] if groups is not None else None
        first = first - math.ceil(share * first) if train is None else len(train)
    return Counted(first, len(classes))


def of_folders(dataset: dict[str, Any]) -> Counted:
    """Count images in class folders."""
    from alrun.data import split_paths

    train, test = split_paths.list_split_folders(dataset["path"], dataset.get("test_split"), dataset.get("class_level"))
    return of_labels([*train.labels, *(test.labels if test else [])], dataset, len(train.labels))


def of_csv(dataset: dict[str, Any]) -> Counted:
    """Count images in a CSV."""
    from alrun.data import listed_images

    names = ("path", "images", "path_column", "label_column", "split_column", "group", "test_split")
    settings: dict[str, Any] = {name: dataset.get(name) for name in names}
    made = listed_images.list_images(**settings)
    return of_labels([made.found.labels[at] for at in made.order], dataset, made.first, made.groups)


def of_parquet(dataset: dict[str, Any]) -> Counted:
    """Count labels in Parquet files."""
    from alrun.data import split_paths
    from alrun.data.image_source import ParquetRows

    train, test = split_paths.parquet_files(dataset["path"], dataset.get("test_split"))
    group = dataset.get("group")
    rows = ParquetRows([*train, *test], dataset["image_column"], dataset["label_column"], group)
    first = sum(file.metadata.num_rows for file in rows.files[: len(train)])
    groups = None if group is None else np.array([str(each) for each in rows.belongs])
    return of_labels(rows.labels, dataset, first, groups, rows.class_names)


def of_npz(dataset: dict[str, Any]) -> Counted:
    """Count labels in an npz."""
    from alrun.data.npz_arrays import flatten_labels, npz_names

    path, group = dataset["path"], dataset.get("group")
    images, labels = dataset["images_array"], dataset["labels_array"]
    arrays = npz_names(path, images, labels, group, dataset.get("test_split"))
    with np.load(path, allow_pickle=False) as file:
        kept = [[flatten_labels(file[name], path, name) for name in names[1:]] for names in arrays]
    values = np.concatenate([each[0] for each in kept]).tolist()
    return of_labels(values, dataset, len(kept[0][0]), None if group is None else kept[0][1])


def of_features(dataset: dict[str, Any]) -> Counted:
    """Count labels of vectors; vectors in a file of their own are not read."""
    from alrun.data import vector_files, vectors

    names = ("labels_path", "features_array", "labels_array", "label_column", "split_column", "group", "test_split")
    settings: dict[str, Any] = {name: dataset[name] for name in names if name in dataset}
    parts = vector_files.read(dataset["path"], **settings)
    numbers, classes = vectors.numbered(parts, dataset["path"], None)
    return of_numbers(numbers, classes, dataset, len(parts[0].labels), parts[0].groups)


def of_table(dataset: dict[str, Any]) -> Counted:
    """Count labels of texts or of rows of numbers."""
    from alrun.data import tables

    names = ("label_column", "split_column", "group", "test_split")
    settings: dict[str, Any] = {name: dataset.get(name) for name in names}
    label = dataset["label_column"]
    parts = tables.read(dataset["path"], lambda table: np.zeros((len(table.columns[label]), 1)), **settings)
    return of_labels([value for part in parts for value in part.labels], dataset, len(parts[0].labels), parts[0].groups)


def of_unlabeled(dataset: dict[str, Any]) -> Counted:
    """Count images that people will label."""
    from alrun.data.image_listing import images_under

    return Counted(len(images_under(Path(dataset["path"])).paths), len(dataset["classes"]), by_people=True)


def of_unlabeled_texts(dataset: dict[str, Any]) -> Counted:
    """Count texts that people will label."""
    from alrun.data.unlabeled_texts import read_texts

    return Counted(
        len(read_texts(Path(dataset["path"]), dataset["text_column"])), len(dataset["classes"]), by_people=True
    )


COUNTS = {
    "alrun.data.own.image_folder": of_folders,
    "alrun.data.own.csv": of_csv,
    "alrun.data.own.parquet": of_parquet,
    "alrun.data.sources.npz": of_npz,
    "alrun.data.own.unlabeled": of_unlabeled,
    "alrun.data.unlabeled_texts.unlabeled_text": of_unlabeled_texts,
    "alrun.data.tables.table": of_table,
    "alrun.data.tables.text": of_table,
    "alrun.data.vectors.features": of_features,
}
