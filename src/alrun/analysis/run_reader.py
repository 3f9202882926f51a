"""The files of one finished run as rows of the table of results."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from alrun.runs import run_folder, schema, stopping
from alrun.runs.round_record import COSTS, MEASURES, RoundRecord
from alrun.runs.run_folder import display_path, reading_run_file
from alrun.settings import schedule
from alrun.settings.identity import with_new_settings

# How the cells of a record become numbers: by the types of its fields.
TYPES: dict[str, Any] = {each.name: each.type for each in fields(RoundRecord)} | {"classes_found": int}
STOPPING: dict[str, Callable[[str], float]] = {  # of stopping.csv
    **dict.fromkeys(stopping.MEASURES, float),
    **dict.fromkeys(stopping.COLUMNS[2 + len(stopping.MEASURES) :], int),
}
NUMBERS: dict[str, Callable[[str], float]] = {
    **{name: TYPES[name] for name in ("answers", "spent", "test_accuracy", "calibration_error", *MEASURES)},
    "worst_group": float,  # of per_group.csv
    **STOPPING,
    **{
        name: TYPES[name]
        for name in ("train_accuracy", "epochs", "steps", "restarts", *COSTS)
        if TYPES[name] is not str
    },
}
WORDS = ("stopped_by", "device", "energy_source")
PROVENANCE = (
    "data",
    "hardware",
    "cpu_capability",
    "threads",
    "memory_format",
    "alrun",
    "commit",
    "python",
    "torch",
    "cuda",
)
PROVENANCE += ("energy", "carbon_intensity", "folder", "class_names", "rare_classes", "source", schema.KEY)
MOVED = ("torch", "hardware", "cpu_capability", "threads", "memory_format")  # what another machine changes within a run
NAMED = 100  # classes; the names of more are not repeated in each row
# Groups whose settings have their own columns, or that change no result.
DERIVED = ("experiment", "baseline", "recipe", "debug", "at_once", "search", "tracking")
NAMES = ("variant", "baseline")  # of a setting; they do not change results by themselves


def run_name(folder: Path) -> str:
    """``<setting>/<strategy>-<hash>-seed<k>``: says what was computed, the same on every machine."""
    return "/".join(folder.resolve().parts[-2:])


def read_run(folder: Path) -> list[dict[str, Any]]:
    """A row for each round of a finished run.

    Raises:
        UserError: A file is damaged or lacks rounds.
    """
    with reading_run_file(path := folder / "run.json"):
        meta = json.loads(path.read_text())
        schema.check_version(schema.version_of(meta), str(path))
        options = {
            group: "" if option == "None" else option
            for group, option in meta["options"].items()
            if group not in DERIVED and not group.startswith("hydra/")
        }
        run = {"run": run_name(folder), "seed": int(meta["seed"]), "folder": display_path(folder), **provenance(meta)}
        named = with_new_settings(meta["settings"])
        settings = dict(flatten({key: value for key, value in named.items() if key != "seed"}))
        count = len(schedule.labels_by_round_of_record(meta))
    accuracy = read_rows(folder / "accuracy.csv", ("round", "labeled", "test_accuracy"), count)
    timing = read_rows(folder / "timing.csv", ("round", "labeled", "train_seconds"), count)
    classes = read_classes(folder / "per_class.csv", count)
    later: list[dict[str, Any]] = [{} for _ in range(count)]
    for path in (folder / name for name in run_folder.LATER):
        if path.exists():
            for row, more in zip(later, read_rows(path, ("round", "labeled"), count), strict=True):
                row |= more
    by_group: list[dict[str, str]] = [{}] * count
    if (path := folder / run_folder.PER_GROUP).exists():
        by_group = read_groups(path, count)
    common = {**options, **{key: value for key, value in settings.items() if key not in options}, **run}
    rows = zip(accuracy, later, timing, classes, by_group, strict=True)
    return [common | row | more | times | each | groups for row, more, times, each, groups in rows]


def provenance(meta: dict[str, Any]) -> dict[str, str]:
    """The columns of provenance, from a run.json."""
    known = {**meta.get("versions", {}), **meta, "hardware": meta.get("device")}
    known |= {"class_names": class_names(meta), "rare_classes": rare_classes(meta)}
    known[schema.KEY] = schema.SCHEMA_VERSION  # of the table, not of the run
    for before in reversed(meta.get("machines_before", [])):
        earlier = before | {"hardware": before.get("device")}
        known |= {name: then(earlier[name], known.get(name)) for name in MOVED if earlier.get(name) is not None}
    return {key: str(known[key]) for key in (*NAMES, *PROVENANCE) if known.get(key) is not None}


def then(before: Any, after: Any) -> str:
    """What a machine and the next say, as text: ``2.6.0 then 2.13.0`` where they differ."""
    return str(after) if str(after).split(" then ")[0] == str(before) else f"{before} then {after}"


def class_names(meta: dict[str, Any]) -> str | None:
    """The names of the classes as JSON; None if they are just numbers, or too many to repeat in each row."""
    dataset = meta.get("dataset")
    names = dataset.get("class_names") if isinstance(dataset, dict) else None
    if not isinstance(names, list) or len(names) > NAMED or names == [str(number) for number in range(len(names))]:
        return None
    return json.dumps([str(name) for name in names], ensure_ascii=False)


def rare_classes(meta: dict[str, Any]) -> str | None:
    """The classes that ``imbalance=`` made rare, by name or number, as JSON; None where none were."""
    dataset = meta.get("dataset")
    pool = dataset.get("pool") if isinstance(dataset, dict) else None
    rare = pool.get("rare") if isinstance(pool, dict) else None
    return json.dumps(rare, ensure_ascii=False) if isinstance(rare, list) and rare else None


def flatten(node: dict[Any, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Leaves of a nested dictionary as (dotted name, text); strings as they are, other values as JSON."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        elif not str(key).startswith("_partial_"):
            yield prefix + str(key), value if isinstance(value, str) else json.dumps(value)


def read_rows(path: Path, columns: tuple[str, ...], rounds: int) -> list[dict[str, Any]]:
    """A CSV with a row for each of ``rounds``, as numbers and words.

    Raises:
        UserError: A column, a row or part of a row is missing, or a cell is not a number.
    """
    with reading_run_file(path), path.open(newline="") as file:
        rows = list(whole_rows(file))
        absent = [column for column in columns if not rows or column not in rows[0]]
        if absent:
            raise ValueError(f"it has no {'rows' if not rows else ' and no '.join(absent)}")
        kept = [{key: convert(row[key]) for key, convert in _COLUMNS.items() if key in row} for row in rows]
        if [row["round"] for row in kept] != list(range(rounds)):
            raise ValueError(f"it has {len(rows)} rows, not one for each of {rounds} rounds")
        return kept


_COLUMNS: dict[str, Callable[[str], Any]] = {"round": int, "labeled": int, **NUMBERS, **dict.fromkeys(WORDS, str)}


def whole_rows(file: TextIO) -> Iterator[dict[str, str]]:
    """The rows of a CSV, of which none may be cut short."""
    for row in csv.DictReader(file):
        if None in chain(row, row.values()):
            raise ValueError("a row is cut short")
        yield row


def read_classes(path: Path, rounds: int) -> list[dict[str, str]]:
    """per_class.csv as one text per round and measure, a number per class in order.

    Raises:
        UserError: A row or part of a row is missing, or a cell is not a number.
    """
    accuracy: list[list[str]] = [[] for _ in range(rounds)]
    labeled: list[list[str]] = [[] for _ in range(rounds)]
    with reading_run_file(path), path.open(newline="") as file:
        for row in whole_rows(file):
            accuracy[int(row["round"])].append(f"{float(row['test_accuracy']):.6g}")
            labeled[int(row["round"])].append(str(int(row["labeled"])))
        if len({len(each) for each in accuracy}) != 1 or not accuracy[0]:
            raise ValueError("it does not have a row for each class and round")
    return [
        {"class_accuracy": " ".join(a), "class_labeled": " ".join(b)} for a, b in zip(accuracy, labeled, strict=True)
    ]


def read_groups(path: Path, rounds: int) -> list[dict[str, str]]:
    """per_group.csv as one text per round: the test accuracy of each group by its name, as JSON.

    Raises:
        UserError: A round is missing, a row is cut short, or a cell is not a number.
    """
    found: list[dict[str, float]] = [{} for _ in range(rounds)]
    with reading_run_file(path), path.open(newline="") as file:
        for row in whole_rows(file):
            found[int(row["round"])][row["group"]] = float(f"{float(row['test_accuracy']):.6g}")
        if len({tuple(each) for each in found}) != 1:
            raise ValueError("it does not have a row for each group and round")
    return [{"group_accuracy": json.dumps(each, ensure_ascii=False)} for each in found]
