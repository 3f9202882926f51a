"""Finds the split of folders, files, columns and arrays by their names: ``train``, ``Validation``, ``Test_set``.

Imports no torch.
"""

import logging
import re
from collections.abc import Iterable

from alrun.system.errors import DataError
from alrun.system.safe_text import one_line

log = logging.getLogger(__name__)

KINDS = {
    "train": ("train", "training", "trn", "tr"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "holdout"),
    "val": ("val", "valid", "validation", "validate", "dev", "development"),
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
FILLERS = {"set", "sets", "split", "data", "dataset", "images", "imgs", "img", "pictures", "photos", "folder", "of"}
# Names of folders for the kind of files in them, not for what the images show.
GENERIC = FILLERS | {
    *("image", "picture", "photo", "jpeg", "jpg", "png", "jpegs", "pngs", "jpegimages", "thumbnail", "thumbnails"),
    *("thumb", "thumbs", "previews", "preview", "mask", "masks", "annotations", "labels", "originals", "resized"),
}


def kind_of(name: str) -> str | None:
    """``train``, ``test`` or ``val`` if a name means a split (Test, valid_images, train-0-of-2), otherwise None."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word and word not in FILLERS]
    kinds = {KIND_OF.get(word) or KIND_OF.get(word.removesuffix("set")) for word in words}
    return kinds.pop() if len(kinds) == 1 else None


def is_generic(name: str) -> bool:
    """Whether a folder's name says nothing about a class."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word]
    return bool(words) and all(word in GENERIC for word in words)


def choose_test_split(given: str | None, names: Iterable[str], where: str) -> str | None:
    """The test split among ``names``: ``given``, otherwise one called test, otherwise one called validation.

    Raises:
        UserError: The given one is not there, or two could be meant.
    """
    names = list(names)
    kinds = {name: kind_of(name) for name in names}
    if given is not None:
        exact = [name for name in names if name.casefold() == given.casefold()]
        alike = [name for name in names if kinds[name] == kind_of(given) is not None]
        found = exact[:1] or alike
        if not found:
            there = ", ".join(name for name in names if kinds[name] != "train") or "none"
            raise DataError(
                f"dataset.test_split={given}: {where} has no such split; besides train there are: {there}: name one of "
                "them, or leave dataset.test_split out."
            )
    else:
        found = next((some for kind in ("test", "val") if (some := [n for n in names if kinds[n] == kind])), [])
    if len(found) > 1:
        raise DataError(
            f"{where} has several splits that could be the test split, {', '.join(found)}: "
            "name one by dataset.test_split=..."
        )
    if found and given is None and kinds[found[0]] != "test":
        log.info("%s: %s is the test split", where, one_line(found[0]))
    return found[0] if found else None


def no_splits(given: str, lacks: str) -> DataError:
    """The mistake of naming a test split where nothing says which examples are in it, with what is missing."""
    return DataError(
        f"dataset.test_split={given}: {lacks}: add what is missing, or leave dataset.test_split out, and "
        "dataset.test_fraction of every class is held out."
    )


def warn_of_unused(names: Iterable[str], used: Iterable[str | None], where: str, unit: str = "split") -> None:
    """Warn of splits among ``names`` that are not ``used``."""
    used = set(used)
    if left := [name for name in names if name not in used]:
        log.warning(
            "%s: the %s %s is passed over%s",
            where,
            unit if len(left) == 1 else f"{unit}s",
            one_line(", ".join(left)),
            "; dataset.test_split=... names the one to test on" if any(map(kind_of, left)) else "",
        )
