"""``dataset=unlabeled_text``: texts that people are to label, from a table; a labeling project lets them grow.

``texts.json`` lies beside the manifest of a project and holds its texts by index: what is labeled stays in the training
set, whatever becomes of its row.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alrun.data import labels
from alrun.data.dataset import ImageData
from alrun.data.growing_pool import Changes
from alrun.data.image_source import UNKNOWN
from alrun.data.manifest import CHANGES, COLUMNS, EVENTS, Entry, Manifest, read_manifest
from alrun.data.own import class_names
from alrun.data.tables import Table
from alrun.system import files
from alrun.system.errors import DataError, StorageError
from alrun.system.safe_text import one_line

TEXTS = "texts.json"
BEGINNING = 60  # letters by which a text is named in a sentence


def unlabeled_text(
    root: str,
    path: str,
    classes: list[Any],
    text_column: str = "text",
    label_column: str = "label",
    test: str | None = None,
    manifest: str | None = None,
) -> ImageData:
    """The distinct texts of a CSV or Parquet file, to be labeled with ``alrun ask`` and ``alrun tell``.

    ``test`` is such a file with labels too, to measure accuracy on; without it, accuracy is not measured. The
    ``manifest`` of a labeling project holds its pool, instead of the file.
    """
    names = class_names(classes)
    tested, answers = test_texts(test, text_column, label_column, names)
    if manifest is None:
        texts, first, absent = list(read_texts(Path(path), text_column)), None, None
    else:
        known = read_manifest(Path(manifest))
        if not known.entries:
            raise DataError(f"dataset.manifest={manifest}: a labeling project writes it: alrun ask PROJECT/ ...")
        texts, first, absent = texts_of(known), known.first, np.array(known.absent)
    unknown = np.full(len(texts), UNKNOWN, np.int64)
    pool = as_objects(texts)
    return ImageData(pool, unknown, tested, answers, class_names=names, texts=pool, first=first, absent=absent)


def as_objects(texts: Sequence[str]) -> np.ndarray:
    """Texts as an array (n,) of objects."""
    made = np.empty(len(texts), object)
    made[:] = texts
    return made


def read_texts(path: Path, column: str) -> dict[str, str]:
    """The distinct texts of a table, and the hash of each, in the order of rows; empty cells are passed over.

    Raises:
        UserError: The file cannot be read, has no such column, or holds no text.
    """
    cells = (str(value or "").strip() for value in Table(path).column(column, "dataset.text_column={}"))
    found = {text: hashlib.sha256(text.encode()).hexdigest() for text in cells if text}
    if not found:
        raise DataError(f"dataset.path={path}: no row has a text in the column {column}.")
    return found


def test_texts(
    test: str | None, text_column: str, label_column: str, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The labeled texts to measure accuracy on (n,), and the numbers of their classes (n,).

    Raises:
        UserError: They cannot be read, or are of other classes than ``names``.
    """
    if test is None:
        return as_objects([]), np.empty(0, np.int64)
    table = Table(Path(test), f"dataset.test={test}")
    numbers = []
    for row, label in enumerate(table.column(label_column, "dataset.label_column"), 1):
        number = labels.class_of(str(label), names)
        if number is None or number < 0:
            raise DataError(f"dataset.test={test}: row {row} has the label {label!r}, not in dataset.classes={names}.")
        numbers.append(number)
    texts = table.column(text_column, "dataset.text_column={}", label_column)
    return as_objects([str(value or "").strip() for value in texts]), np.array(numbers, np.int64)


def texts_of(known: Manifest) -> list[str]:
    """The texts of a manifest, by index.

    Raises:
        UserError: The file that holds them is damaged.
    """
    path = known.path.with_name(TEXTS)
    try:
        texts = [str(text) for text in json.loads(path.read_text(encoding="utf-8"))][: len(known.entries)]
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"{path} cannot be read ({error}): restore it from a copy of the project.") from error
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    if hashes != [entry.hash for entry in known.entries]:
        raise StorageError(f"{path} does not hold the texts of {known.path}: restore it from a copy of the project.")
    return texts


def update(path: Path, table: Path, column: str, round: int) -> Changes:
    """Write into the manifest at ``path`` what has changed in ``table`` since it was last written.

    Args:
        path: ``pool.csv``; the caller holds the project's lock.
        table: Of the texts.
        column: That holds them.
        round: The next query: the first that new texts may be in.

    Raises:
        UserError: No text that is known is left, or a file cannot be written.
    """
    known, found = read_manifest(path), read_texts(table, column)
    texts = texts_of(known) if known.entries else []
    if texts and not any(text in found for text in texts):
        raise DataError(
            f"dataset.path={table}: none of the {len(texts)} texts of {path} is there: name the file where they are "
            "now by dataset.path=..."
        )
    changes, events, gone = Changes(), [], known.absent
    for index, text in enumerate(texts):
        if gone[index] == (text not in found):
            continue
        kind = "returned" if gone[index] else "removed"
        events.append({"round": str(round), "event": kind, "id": str(index), "file": known.entries[index].file})
        getattr(changes, kind).append(beginning(text))
    there = set(texts)
    new = [text for text in found if text not in there]
    changes.joined = [beginning(text) for text in new]
    if new:
        since = max(round, 1) if known.entries else 0
        entries = [*known.entries, *(Entry(found[text], f"text-{found[text][:12]}", since) for text in new)]
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path.with_name(TEXTS), json.dumps([*texts, *new], ensure_ascii=False, indent=0) + "\n")
        files.write_csv(path, COLUMNS, [{"id": id, **vars(entry)} for id, entry in enumerate(entries)])
    if events:
        files.write_csv(path.with_name(CHANGES), EVENTS, [*known.events, *events])
    return changes


def beginning(text: str, letters: int = BEGINNING) -> str:
    """The first letters of a text, on one line."""
    line = one_line(" ".join(text[: 4 * letters].split()))
    return line if len(line) <= letters and len(text) <= 4 * letters else f"{line[:letters]}…"
