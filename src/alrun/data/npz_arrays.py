"""Finds images, labels and splits among the arrays of an npz, and reads them without executing anything."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from alrun.data.layout import choose_test_split, kind_of, no_splits, warn_of_unused
from alrun.system.errors import DataError, first_line

# Why arrays of objects are not read, and what to do.
OBJECTS = "which may run code when they are read: save numbers or text, by .astype('float32') or .astype(str)."


def npz_splits(
    path: str, images_array: str, labels_array: str, group: str | None, test_split: str | None
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray | None], int]:
    """Images, labels and groups of the training and then of the test examples, and the number of the former.

    Raises:
        UserError: An array is not there, or cannot be used.
    """
    arrays = npz_names(path, images_array, labels_array, group, test_split)
    stored = read_arrays(path, [name for names in arrays for name in names])
    (train, shape), *others = [(names[0], stored[names[0]].shape[1:]) for names in arrays]
    for test, other in others:
        if other != shape:
            raise DataError(
                f"dataset.path={path}: an image in {train} is {shape} and in {test} {other}: store both splits alike."
            )
    joined = [
        np.concatenate([stored[names[position]] for names in arrays])
        if len(arrays) > 1
        else stored[arrays[0][position]]
        for position in range(len(arrays[0]))
    ]
    groups = flatten_labels(joined[2], f"dataset.path={path}", str(group)) if group is not None else None
    return (joined[0], joined[1], groups), len(stored[arrays[0][1]])


def npz_names(
    path: str,
    images_array: str,
    labels_array: str,
    group: str | None,
    test_split: str | None,
    setting: str = "images_array",
) -> list[list[str]]:
    """Names of the arrays of images, labels and perhaps groups, for the training split and, if any, the test split.

    ``setting`` of the data set gives ``images_array``.

    Raises:
        UserError: An array is not there.
    """
    held = names_in(path)
    wanted = [images_array, labels_array, *([] if group is None else [group])]

    def of_split(split: str, array: str) -> str | None:
        """The name of an array of a split: train_images or images_train."""
        return next((name for name in (f"{split}_{array}", f"{array}_{split}") if name in held), None)

    ends = {name.removesuffix(f"_{images_array}") for name in held if name.endswith(f"_{images_array}")}
    ends |= {name.removeprefix(f"{images_array}_") for name in held if name.startswith(f"{images_array}_")}
    names = sorted(name for name in ends if kind_of(name) or name == test_split)
    trains = [name for name in names if kind_of(name) == "train"]
    if trains:
        others = [name for name in names if name not in trains]
        test = choose_test_split(test_split, others, f"dataset.path={path}")
        warn_of_unused(others, [test], f"dataset.path={path}")
        splits = [trains[0], *([] if test is None else [test])]
        arrays = [[of_split(split, array) or f"{split}_{array}" for array in wanted] for split in splits]
    else:
        if test_split is not None:
            absent = f"train_{images_array} and {test_split}_{images_array}"
            raise no_splits(test_split, f"{path} has no arrays {absent} (it has {', '.join(held)})")
        arrays = [wanted]
    absent = [name for names in arrays for name in names if name not in held]
    if absent:
        there = ", ".join(f"{name} {described}" for name, described in held.items()) or "none"
        named = {setting: images_array, "labels_array": labels_array, "group": group}
        lost = {array for names in arrays for name, array in zip(names, wanted, strict=True) if name not in held}
        by = [f"dataset.{key}=..." for key, array in named.items() if array in lost]
        raise DataError(
            f"dataset.path={path} lacks the arrays {', '.join(absent)}; it holds {there}: name one by "
            f"{' and one by '.join(by)} (without train_ and test_ before it)."
        )
    return arrays


def flatten_labels(values: np.ndarray, where: str, name: str) -> np.ndarray:
    """One value for each example, (N,), from an array (N,) or (N, 1).

    Raises:
        UserError: There are several values; one-hot labels have a sentence of their own.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim != 1:
        several = values.ndim == 2 and np.issubdtype(values.dtype, np.number)
        one_hot = several and bool(((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all())
        said = "one-hot: store their argmax(1)" if one_hot else "several labels an example (multi-label), not one class"
        raise DataError(f"{where}: the array {name} has shape {values.shape}; it must be (N,), and this is {said}.")
    return values


def names_in(path: str) -> dict[str, str]:
    """Names of the arrays in an npz with their types and shapes, from their headers."""
    if not Path(path).is_file():
        raise DataError(f"dataset.path={path}: there is no such file; give the path of an npz file.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                info.filename.removesuffix(".npy"): _header(archive, info)
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        with open(path, "rb") as file:
            if file.read(6) == np.lib.format.MAGIC_PREFIX:
                raise DataError(
                    f"dataset.path={path} is one array (npy): store images and labels in one npz, by np.savez."
                ) from error
        raise DataError(f"dataset.path={path} cannot be read as npz: {first_line(error)}.") from error


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Type and shape of an array; an error if its header claims another size than it has."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
        claimed = math.prod(shape) * kind.itemsize
        if not kind.hasobject and claimed != info.file_size - file.tell():
            raise ValueError(
                f"{info.filename} claims {claimed} bytes, but holds {info.file_size - file.tell()}: it is damaged"
            )
    return f"{kind} {shape}"


def read_arrays(path: str, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays called ``names``.

    Raises:
        UserError: One of them is not there, or the file is damaged.
    """
    known = names_in(path)
    if missing := [name for name in names if name not in known]:
        raise DataError(
            f"dataset.path={path} lacks the arrays {', '.join(missing)}; it holds {', '.join(known) or 'none'}."
        )
    if pickled := [name for name in names if known[name].startswith("object")]:
        raise DataError(
            f"dataset.path={path}: {', '.join(pickled)} {'holds' if len(pickled) == 1 else 'hold'} Python objects, "
            f"{OBJECTS}"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"dataset.path={path} cannot be read as npz: {first_line(error)}.") from error
    except MemoryError as error:
        sizes = ", ".join(f"{name} {known[name]}" for name in names)
        raise DataError(f"dataset.path={path} does not fit into memory ({sizes}): store less in it.") from error
