"""Files of CVAT: the images, the labels and what the model says out; "CVAT for images 1.1" or "ImageNet 1.0" back.

Format: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ (images, tags and their attributes).
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from alrun.annotate.imagenet import read_imagenet
from alrun.annotate.keeping import Found, Said
from alrun.annotate.label_studio import EXTRA, relative_name
from alrun.annotate.request import Request
from alrun.data.labels import clean_name
from alrun.runs import answers
from alrun.runs.run_folder import display_path
from alrun.system import files
from alrun.system.errors import DataError, SettingError, StorageError, first_line

LARGEST = 2**30  # bytes of the XML in an archive
HOW = "export the task as CVAT for images 1.1 or ImageNet 1.0"


def write(request: Request, folder: Path) -> list[str]:
    """Write the images of a request as an archive, the labels, and the model's labels; returns what to do with them.

    Raises:
        UserError: An image cannot be read, or a file cannot be written.
    """
    if request.is_text:
        raise SettingError("CVAT shows images, and this project labels texts: use --to label-studio or --to csv.")
    archive, labels = folder / f"ask_{request.round}.cvat.zip", folder / "cvat-labels.json"
    there = [each for each in request.asked if os.path.exists(each.file)]
    try:
        with zipfile.ZipFile(archive, "w") as file:  # images are compressed already
            for each in there:
                file.write(each.file, relative_name(each, request))
    except OSError as error:
        raise StorageError(f"{archive} cannot be written ({error.strerror or error}): free space there.") from error
    names = [*request.classes, *(word for word in EXTRA if word not in request.classes)]
    raw = [{"name": name, "type": "tag", "attributes": []} for name in names]
    files.write_text(labels, json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    said = [
        f"{display_path(labels)} are the labels of the task in CVAT (the tab Raw).",
        f"{display_path(archive)} holds the images of the task.",
    ]
    if any(each.predicted for each in there):
        predicted = folder / f"ask_{request.round}.cvat.xml"
        # CVAT refuses annotations of which one names an image that its task has not.
        files.write_text(predicted, annotations(replace(request, asked=there)))
        said.append(f"{display_path(predicted)} has the model's labels: upload it as annotations, CVAT 1.1.")
    return said


def annotations(request: Request) -> str:
    """The model's labels of a request, as CVAT writes annotations."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    for number, each in enumerate(sorted(request.asked, key=lambda asked: relative_name(asked, request))):
        lines.append(f'  <image id="{number}" name={quoteattr(relative_name(each, request))}>')
        if each.predicted is not None:
            lines.append(f'    <tag label={quoteattr(each.predicted)} source="auto"></tag>')
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""])


def read(path: Path, by: str | None = None, names: Mapping[str, str] | None = None) -> Found:
    """The answers in an export "CVAT for images 1.1", as XML or in its archive, or "ImageNet 1.0"; given by ``by``.

    A frame without a tag is not answered. A tag is a class; if it is not, and exactly one of its attributes names one,
    that is the class. ``names`` are the files of the images that were asked for, by index.

    Raises:
        UserError: The file is not such an export.
    """
    if is_imagenet(path):
        try:
            with zipfile.ZipFile(path) as archive:
                return read_imagenet(archive, names or {}, by or "cvat")
        except (OSError, ValueError, zipfile.BadZipFile, DataError) as error:
            raise DataError(f"{path} cannot be read as an export of CVAT ({first_line(error)}): {HOW}.") from error
    root = parsed(path)
    found, images = Found(), root.findall("image")
    if not images:
        wrong = "it is a video" if root.find("track") is not None else "it has no images"
        raise DataError(f"{path}: {wrong}: {HOW}.")
    for image in images:
        name = clean_name(image.get("name") or "")
        where = f"image {image.get('id', '?')} ({name})"
        tags = image.findall("tag")
        if not tags and len(image):
            shapes = ", ".join(sorted({child.tag for child in image}))
            found.refused.append(f"{where}: it has {shapes} and no tag: an image has one class, given as a tag")
        if not tags:
            continue
        meant = sorted({clean_name(tag.get("label") or "") for tag in tags})
        if len(meant) > 1:
            found.refused.append(f"{where}: {len(meant)} tags ({', '.join(meant)}); one is needed")
            continue
        values = {
            clean_name(each.text or "")
            for tag in tags
            for each in tag.findall("attribute")
            if clean_name(each.text or "")
        }
        found.said.append(Said(where, None, name, answers.LABEL, meant[0], by or "cvat", tuple(sorted(values))))
    return found


def is_imagenet(path: Path) -> bool:
    """Whether a file is an archive without annotations.xml; what is wrong with one is said where it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("annotations.xml") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def parsed(path: Path) -> ElementTree.Element:
    """The root of an export; entities that a file defines itself are refused.

    Raises:
        UserError: It cannot be read.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                (inner,) = [each for each in archive.infolist() if each.filename.endswith("annotations.xml")]
                if inner.file_size > LARGEST:
                    raise ValueError(f"{inner.filename} has {inner.file_size} bytes")
                content = archive.read(inner)
        if b"<!DOCTYPE" in content[:4096].upper() or b"<!ENTITY" in content.upper():
            raise ValueError("it defines entities, which CVAT does not write")
        root = ElementTree.fromstring(content)
    except (OSError, ValueError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise DataError(f"{path} cannot be read as an export of CVAT ({first_line(error)}): {HOW}.") from error
    if root.tag != "annotations":
        raise DataError(f"{path} has the root {root.tag}, not annotations: {HOW}.")
    return root
