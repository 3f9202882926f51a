"""Default budget and training for a user's own data, from the size of the pool and the number of classes.

Both are counted in a listing (folders, a CSV, the labels of Parquet and npz files), without decoding an image and
without torch, since a run's folder is named by its settings before anything is read.
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

A_CLASS = (2, 5)  # labels of the seed set: at least, and at most
PART = 10  # a round queries a tenth of the pool ...
MOST, MOST_OF_PEOPLE = 1000, 100  # ... and no more than this if labels are known, or if people give them
ROUNDS = 5
STEPS, PATIENCE = 4000, 200  # of training: at most, and without gain before it stops
EPOCHS = (30, 300)
LARGE = 10_000  # images for which a larger network is worth its time
BLANK = {"seed_size": 1000, "batch_size": 1000, "total": 10000, "max_epochs": 300, "patience": 10}  # as elsewhere
MARK = "${fitted:"
# Settings of training in epochs alone.
OF_EPOCHS = tuple(
    f"training.{name}"
    for name in ("max_epochs", "batch_size", "stop_accuracy", "patience", "min_gain", "restart_below")
)


class Counted(NamedTuple):
    """The size of a data set, as counted in a listing."""

    pool: int
    classes: int
    by_people: bool = False  # people give the labels


class Fitted(NamedTuple):
    """Numbers that suit a data set."""

    seed_size: int
    batch_size: int
    total: int
    max_epochs: int
    patience: int


def fitted_number(name: str, cfg: DictConfig) -> int:
    """The value of the setting ``name`` that suits the data of ``cfg``; a general default if they cannot be counted."""
    known = count_data(cfg)
    if known is None:
        return BLANK[name]
    written = OmegaConf.to_container(cfg.budget, resolve=False)
    assert isinstance(written, dict)
    numbers = {key: written[key] for key in ("seed_size", "batch_size", "total")}
    given = {key: int(cfg.budget[key]) for key, value in numbers.items() if not str(value).startswith(MARK)}
    return getattr(fit_to_data(known, given, cfg.get("validation") or 0, int(cfg.training.batch_size)), name)


def fit_to_data(known: Counted, given: dict[str, int], validation: int = 0, batch: int = 20) -> Fitted:
    """Budget and training for a data set; settings of the budget that are ``given`` stay, the rest adapts to them.

    Args:
        known: The data set.
        given: The settings among ``seed_size``, ``batch_size`` and ``total`` that the user gave.
        validation: Labels that are held out of the pool.
        batch: Examples in a step of training.
    """
    given = {key: max(1, value) for key, value in given.items()}  # less is refused where settings are checked
    few, many = A_CLASS
    batch = max(1, batch)
    pool = max(2, known.pool - validation)
    each = min(many, max(few, pool // (PART * known.classes)))
    seed = min(each * known.classes, max(2, pool // 2))
    if "total" in given:
        seed = max(2, min(seed, (given["total"] - validation) // 2))
    seed = given.get("seed_size", seed)
    queried = min(max(1, pool // PART), MOST_OF_PEOPLE if known.by_people else MOST)
    if "total" in given:
        queried = max(1, (given["total"] - validation - seed) // ROUNDS)
    queried = given.get("batch_size", queried)
    rounds = min(ROUNDS, max(0, pool - seed) // queried)
    total = given.get("total", seed + rounds * queried + validation)
    low, high = EPOCHS
    epochs = min(high, max(low, math.ceil(STEPS * batch / max(1, total))))
    patience = min(epochs, max(BLANK["patience"], math.ceil(PATIENCE / math.ceil(seed / batch))))
    return Fitted(seed, queried, total, epochs, max(2, patience))


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
    numbers, classes = vectors.numbered([part.labels for part in parts], dataset["path"], None)
    return of_numbers(numbers, classes, dataset, len(parts[0].labels), parts[0].groups)


def of_table(dataset: dict[str, Any]) -> Counted:
    """Count labels of texts or of rows of numbers."""
    from alrun.data import tables

    names = ("label_column", "split_column", "group", "test_split")
    settings: dict[str, Any] = {name: dataset.get(name) for name in names}
    parts = tables.read(dataset["path"], lambda table: np.zeros((len(table[dataset["label_column"]]), 1)), **settings)
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


def sentence_on_choice(cfg: DictConfig) -> str | None:
    """The settings that were chosen for the data set and why; None if the user set all of them."""
    chosen = []
    for group in ("budget",) if has_no_epochs(cfg) else ("budget", "training"):
        written = OmegaConf.to_container(cfg[group], resolve=False)
        assert isinstance(written, dict)
        chosen += [f"{group}.{key}={cfg[group][key]}" for key, value in written.items() if str(value).startswith(MARK)]
    known = count_data(cfg)
    if not chosen or known is None:
        return None
    is_small = known.pool >= LARGE and str(cfg.model.get("_target_")).endswith(".SmallCnn")
    network = "; model=resnet18 may be worth its time with so many" if is_small else ""
    return f"not set, and chosen for {known.pool} examples and {known.classes} classes: {' '.join(chosen)}{network}"


def has_no_epochs(cfg: DictConfig) -> bool:
    """Whether the optimizer finds an optimum at once, so that settings of epochs have no effect."""
    return cfg.optimizer.get("_target_") == "alrun.training.convex.Convex"


def sentence_on_unused(cfg: DictConfig, typed: Sequence[str]) -> str | None:
    """The words of a command line that set something of epochs, where there are none; None without such words."""
    unused = [word for word in typed if word.lstrip("+").partition("=")[0] in OF_EPOCHS]
    if not unused or not has_no_epochs(cfg):
        return None
    have = "has" if len(unused) == 1 else "have"
    return f"{' '.join(unused)} {have} no effect: optimizer=convex finds the optimum of model=linear without epochs"


def advise_budget(cfg: DictConfig, size: int) -> str:
    """A budget that suits a pool of ``size`` examples, as settings to type."""
    known = count_data(cfg) or Counted(size, 10)
    made = fit_to_data(known._replace(pool=size), {}, cfg.get("validation") or 0, int(cfg.training.batch_size))
    return f"budget.seed_size={made.seed_size} budget.batch_size={made.batch_size} budget.total={made.total}"
