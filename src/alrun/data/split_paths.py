"""Which folders and files under the path of a data set are its training split, and which its test split.

Their names say it (alrun.data.layout). Imports no torch.
"""

import logging
from pathlib import Path

from alrun.data.image_listing import Found, class_folders, folders_in, has_images
from alrun.data.layout import choose_test_split, is_generic, kind_of, no_splits, warn_of_unused
from alrun.system.errors import DataError
from alrun.system.safe_text import one_line

log = logging.getLogger(__name__)


def list_split_folders(path: str, test_split: str | None, class_level: int | None) -> tuple[Found, Found | None]:
    """The images of the training and of the test split in folders; None without a test split.

    Raises:
        UserError: It is not clear which folders are splits or classes, or one of them cannot be used.
    """
    base = unwrap_folder(Path(path))
    names = folders_in(base)
    kinds = {name: kind for name in names if (kind := kind_of(name))}
    splits = [name for name in kinds if folders_in(inner := unwrap_folder(base / name)) and not has_images(inner)]
    trains = [name for name in splits if kinds[name] == "train"]
    if len(trains) > 1:
        raise DataError(f"dataset.path={path}: {' and '.join(trains)} could both be the training split: rename one.")
    if not trains:
        if splits:
            raise DataError(
                f"dataset.path={path} holds {', '.join(splits)}, which are named for splits, but no folder train: "
                "name the folder of the class folders by dataset.path=..., or rename them."
            )
        if kinds and (len(kinds) == len(names) or len(set(kinds.values())) > 1):
            raise DataError(
                f"dataset.path={path}: {', '.join(kinds)} are named for splits but hold no class folders: sort the "
                "images into class folders, or list them with their classes for dataset=csv."
            )
        if test_split is not None:
            raise no_splits(test_split, f"{path} has no folders train and {test_split}")
        return class_folders(base, class_level), None
    (train,) = trains
    test = choose_test_split(test_split, [name for name in splits if name != train], f"dataset.path={path}")
    warn_of_unused(names, (train, test), f"dataset.path={path}", "folder")
    found = class_folders(unwrap_folder(base / train), class_level)
    return found, None if test is None else class_folders(unwrap_folder(base / test), class_level)


def unwrap_folder(path: Path) -> Path:
    """The folder itself, or its only folder if that has a generic name and nothing is beside it."""
    while True:
        names = folders_in(path)
        if len(names) != 1 or has_images(path):
            return path
        (name,) = names
        if not is_generic(name) and name != path.name:
            return path
        log.info("%s: its one folder, %s, is taken in its place", path, one_line(name))
        path = path / name


def parquet_files(path: str, test_split: str | None) -> tuple[list[Path], list[Path]]:
    """The files of the training and of the test split.

    Raises:
        UserError: There are no training files, or ``test_split`` is not there.
    """
    base = Path(path)
    if not base.is_dir():
        if test_split is not None:
            raise DataError(f"dataset.test_split={test_split}: {path} is one file; name the folder that holds both.")
        if base.exists() and not base.is_file():  # reading a pipe might wait forever
            raise DataError(f"dataset.path={path} is not a file; name a Parquet file or a folder of them.")
        return [base], []
    found: dict[str, list[Path]] = {}
    for file in sorted(each for each in base.rglob("*.parquet") if each.is_file()):
        found.setdefault(split_of(file.relative_to(base), test_split), []).append(file)
    trains = [name for name in found if kind_of(name) == "train"]
    if not trains:
        if test_split is None and len(found) == 1:
            (files,) = found.values()
            if not kind_of(next(iter(found))):
                return files, []  # files without names of splits are parts of one
        raise DataError(f"dataset.path={path}: there is no file train*.parquet; name the file, or rename it.")
    others = [name for name in found if name not in trains]
    test = choose_test_split(test_split, others, f"dataset.path={path}")
    warn_of_unused(others, [test], f"dataset.path={path}")
    return [file for name in trains for file in found[name]], found.get(test or "", [])


def split_of(file: Path, test_split: str | None) -> str:
    """The name of a file's split, by its own name or that of a folder around it; a fixed name if neither says one."""
    parts = [*file.parts[:-1], file.stem]
    for part in reversed(parts):
        if test_split is not None and part.casefold().startswith(test_split.casefold()):
            return test_split
        if kind := kind_of(part):
            return kind
    return "the files without a split's name"
