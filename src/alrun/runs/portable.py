"""Runs without weights: if models are reset in every round, a run can continue from its tables, some kilobytes."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import torch

from alrun.runs import schema
from alrun.runs.query_table import read_queries
from alrun.runs.round_record import BY_CLASS, BY_GROUP, RoundRecord
from alrun.runs.run_folder import (
    LARGE_QUERIES,
    LATER,
    PER_GROUP,
    RESULTS,
    has_checkpoint,
    reading_run_file,
)
from alrun.runs.state import RunState
from alrun.system import files
from alrun.system.errors import StorageError

FILES = (*RESULTS, LARGE_QUERIES, *LATER, PER_GROUP, "done")
PART = re.compile(r"(?!\.+$)[^/\\:\x00-\x1f]+")  # of a path: no folder above, no root, no drive


def pack_runs(run_dirs: Iterable[Path], path: Path) -> None:
    """Write the tables of runs to the zip file at ``path``, as ``<setting>/<run>/<table>``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for run_dir in run_dirs:
            for file in (run_dir / name for name in FILES):
                if file.exists():
                    archive.write(file, "/".join(file.absolute().parts[-3:]))
    files.write(path, buffer.getvalue())


def unpack_runs(path: Path, runs: Path) -> None:
    """Extract what ``pack_runs`` wrote into folders under ``runs``; a run that has a checkpoint stays as it is.

    Raises:
        UserError: The file is damaged, or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                parts = name.split("/")  # a backslash or a drive's colon would be a path on Windows
                if len(parts) != 3 or not all(map(PART.fullmatch, parts)) or parts[2] not in FILES:
                    raise ValueError(f"it holds {name}, which is not a table of a run")
                if not has_checkpoint(runs.joinpath(*parts[:2])):
                    files.write(runs.joinpath(*parts), archive.read(name))
    except (zipfile.BadZipFile, ValueError) as error:
        raise StorageError(f"{path} is not an archive of runs ({error}): remove it, or copy it again.") from error


def rebuild_checkpoint(run_dir: Path) -> int:
    """Write the missing checkpoint of ``run_dir`` from its tables; returns how many rounds need not be computed again.

    A round counts if it is in all tables and the query after it is known, which only its model could choose.
    No round counts if each continues from the weights of the one before (model_update=update).

    Raises:
        UserError: A table is damaged.
    """
    with reading_run_file(path := run_dir / "run.json"):
        meta = json.loads(path.read_text())
        schema.check_version(schema.version_of(meta), str(path))
        resets = meta["settings"]["training"]["reset"]
        data = meta["data"]
    if not resets:
        return 0
    queries = [torch.from_numpy(index) for index in read_queries(run_dir).values()]
    records = read_records(run_dir)
    count = max(0, min(len(records), len(queries) - 1))
    if count:
        RunState(data, queries[: count + 1], records[:count], class_names=class_names(run_dir)).save(run_dir)
    return count


def class_names(run_dir: Path) -> list[str] | None:
    """The names of the classes in per_class.csv; None if they are numbers."""
    names = [row["class"] for row in read_rows(run_dir / "per_class.csv").get(0, [])]
    return None if names == [str(number) for number in range(len(names))] else names


def read_records(run_dir: Path) -> list[RoundRecord]:
    """The rounds that are in all tables; a killed process may have written only some tables."""
    rows = {name: read_rows(run_dir / f"{name}.csv") for name in ("accuracy", "timing", "per_class")}
    later = [name.removesuffix(".csv") for name in LATER if (run_dir / name).exists()]
    rows |= {name: read_rows(run_dir / f"{name}.csv") for name in later}
    if (run_dir / PER_GROUP).exists():
        rows["per_group"] = read_rows(run_dir / PER_GROUP)
    count = min(len(each) for each in rows.values())
    records = []
    with reading_run_file(run_dir):
        for round in range(count):
            (accuracy,), (timing,) = rows["accuracy"][round], rows["timing"][round]
            classes = rows["per_class"][round]
            row: dict[str, Any] = {**accuracy, **timing}
            for name in later:
                row |= rows[name][round][0]
            values = {
                each.name: each.type(row[each.name])  # type: ignore[operator]
                for each in fields(RoundRecord)
                if each.name not in BY_CLASS + BY_GROUP
                and (each.name in row or each.default is MISSING)  # else of later versions
            }
            values["class_accuracy"] = [float(each["test_accuracy"]) for each in classes]
            groups = rows["per_group"][round] if "per_group" in rows else []
            values["group_accuracy"] = {each["group"]: float(each["test_accuracy"]) for each in groups}
            values["class_labeled"] = [int(each["labeled"]) for each in classes]
            records.append(RoundRecord(**values))
    return records


def read_rows(path: Path) -> dict[int, list[dict[str, str]]]:
    """The rows of a table by round."""
    with reading_run_file(path), path.open(newline="") as file:
        rows: dict[int, list[dict[str, str]]] = {}
        for row in csv.DictReader(file):
            rows.setdefault(int(row["round"]), []).append(row)
    return rows
