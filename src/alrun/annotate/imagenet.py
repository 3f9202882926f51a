"""Exports of CVAT as "ImageNet 1.0", its format for classification: a folder for each class, or lists without images.

With images, a file lies in the folder of its class, perhaps with the class and an underscore before its name; those
without a tag are in ``no_label``. Without images, ``synsets.txt`` has a class a line, and another text file an image
a line: its name, perhaps without its ending and in quotes if it has blanks, and the numbers of its classes.

Format: https://docs.cvat.ai/docs/dataset_management/formats/format-imagenet/
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from alrun.annotate.keeping import Found, Said
from alrun.data.file_ends import Ends
from alrun.data.image_listing import is_image
from alrun.data.labels import clean_name
from alrun.runs import answers
from alrun.system.errors import DataError

SYNSETS, NO_LABEL = "synsets.txt", "no_label"
LARGEST = 2**28  # bytes of a list
LINE = re.compile(r'(?:"(?P<quoted>.+)"|(?P<plain>\S+))(?P<numbers>(?:\s+[0-9]+)*)\s*')


def read_imagenet(archive: zipfile.ZipFile, names: Mapping[str, str], by: str) -> Found:
    """The answers in an archive, given by the person ``by``; ``names`` are the files of the images by index.

    Raises:
        UserError: It has no class folders and no lists, or a list cannot be read.
    """
    whole, stems = Ends(names), Ends({index: without_ending(name) for index, name in names.items()})
    found, labels = Found(), dict[str, set[str]]()
    for place, label in listed(archive):
        name = known_name(place, label, whole, stems, names)
        labels.setdefault(name, set())
        if label is not None:
            labels[name].add(clean_name(label))
    for name, given in labels.items():
        if len(given) > 1:
            found.refused.append(f"{name}: {len(given)} tags ({', '.join(sorted(given))}); one is needed")
        elif given:
            found.said.append(Said(name, None, name, answers.LABEL, given.pop(), by))
    return found


def listed(archive: zipfile.ZipFile) -> Iterator[tuple[str, str | None]]:
    """The name of an image and a class of it, as the archive has them; None: it has no class.

    Raises:
        UserError: There are no class folders and no lists, or a list cannot be read.
    """
    files = [each for each in archive.infolist() if not each.is_dir()]
    lists = [each for each in files if each.filename.endswith(".txt")]
    if any(PurePosixPath(each.filename).name == SYNSETS for each in lists):
        yield from of_lists(archive, lists)
        return
    images = [parts for each in files if len(parts := PurePosixPath(each.filename).parts) > 1 and is_image(parts[-1])]
    if not images:
        raise DataError("it has neither annotations.xml nor a folder of images for each class")
    for label, *rest in images:
        yield "/".join(rest), None if label == NO_LABEL else label


def of_lists(archive: zipfile.ZipFile, lists: list[zipfile.ZipInfo]) -> Iterator[tuple[str, str | None]]:
    """The same, of an archive without images."""
    if big := next((each for each in lists if each.file_size > LARGEST), None):
        raise DataError(f"{big.filename} has {big.file_size} bytes")
    lines = {each.filename: archive.read(each).decode("utf-8-sig").splitlines() for each in lists}
    (classes,) = (found for name, found in lines.items() if PurePosixPath(name).name == SYNSETS)
    for file, rows in lines.items():
        if PurePosixPath(file).name == SYNSETS:
            continue
        for number, row in enumerate(rows, 1):
            match = LINE.fullmatch(row)
            if row.strip() and match is None:
                raise DataError(f"{file}, line {number} is {row!r}, not an image and numbers of classes")
            if match is None:
                continue
            chosen = [int(each) for each in match["numbers"].split()]
            if any(each >= len(classes) for each in chosen):
                raise DataError(f"{file}, line {number} names class {max(chosen)}, and {SYNSETS} has {len(classes)}")
            name = match["quoted"] or match["plain"]
            yield from ((name, classes[each]) for each in chosen)
            if not chosen:
                yield name, None


def known_name(place: str, label: str | None, whole: Ends, stems: Ends, names: Mapping[str, str]) -> str:
    """The file that was asked for which an archive calls ``place``; ``place`` itself if none was."""
    folder, slash, last = place.rpartition("/")
    shorter = [f"{folder}{slash}{last.removeprefix(f'{label}_')}"] if label and last.startswith(f"{label}_") else []
    for each in (place, *shorter):
        if whole.nearest(each):
            return each
    for each in (place, *shorter):
        if len(found := stems.nearest(each if not is_image(each) else without_ending(each))) == 1:
            return names[str(found[0])]
    return place


def without_ending(name: str) -> str:
    """A path without the ending of an image."""
    return str(PurePosixPath(name).with_suffix("")) if is_image(name) and PurePosixPath(name).suffix else name
