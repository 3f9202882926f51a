"""All results as one table, a row per run and round: gathered from run folders, written to and read from CSV.

Everything in analysis/ starts from this table, so that results can be analysed where the run folders are not. Columns:
``run`` (the last two parts of the folder, a name of what was computed), ``seed``, ``round``, ``labeled``; the measures;
a column per configuration group with the chosen option; a column per setting (``budget.batch_size``); provenance.
Options, settings and provenance are text, and empty where a run has none.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alrun import files
from alrun.errors import UserError, first_line
from alrun.run_folder import RESULTS, is_done, reading, shown

KEYS = ("run", "seed", "round", "labeled")
NUMBERS: dict[str, Callable[[str], float]] = {
    "test_accuracy": float,
    "calibration_error": float,
    "train_accuracy": float,
    "epochs": int,
    "steps": int,
    "restarts": int,
    "train_seconds": float,
    "evaluate_seconds": float,
    "select_seconds": float,
}
WORDS = ("stopped_by", "device")
BY_CLASS = ("class_accuracy", "class_labeled")  # a number for each class, separated by spaces
PROVENANCE = ("data", "hardware", "threads", "memory_format", "alrun", "commit", "python", "torch", "cuda", "folder")
NAMES = ("variant", "baseline")  # of a setting; they change no result by themselves
DERIVED = ("experiment", "baseline", "recipe", "debug", "at_once")  # groups that only set what has its own columns
CURVE = ("facet", "label", "curve")  # added by analysis.curves
REQUIRED = ("run", "seed", "round", "labeled", "test_accuracy", "strategy")


class Problem(NamedTuple):
    """A run that is not in the table."""

    run: Path
    status: str  # missing, failed, unfinished, damaged or duplicate
    reason: str  # a sentence

    def __str__(self) -> str:
        return f"{self.status}: {shown(self.run)}: {self.reason}"


class Results(NamedTuple):
    """The table, and the runs that are not in it."""

    rounds: pd.DataFrame
    problems: list[Problem]


def gather(folders: Iterable[Path]) -> Results:
    """The finished runs among ``folders``, and what is wrong with each of the others."""
    rows: list[dict[str, Any]] = []
    problems, seen = [], {}
    for folder in folders:
        name = run_name(folder)
        if not is_done(folder):
            problems.append(why_not(folder))
        elif name in seen:
            reason = f"the same run is in {shown(seen[name])}; that one counts."
            problems.append(Problem(folder, "duplicate", reason))
        else:
            try:
                rows += read_run(folder)
                seen[name] = folder
            except UserError as error:
                problems.append(Problem(folder, "damaged", str(error)))
            except OSError as error:
                reason = f"{error.filename} cannot be read ({error.strerror}); the run's command writes it anew."
                problems.append(Problem(folder, "damaged", reason))
    return Results(arrange(pd.DataFrame(rows)), problems)


def run_name(folder: Path) -> str:
    """``<setting>/<strategy>-<hash>-seed<k>``: says what was computed, the same on every machine."""
    return "/".join(folder.resolve().parts[-2:])


def why_not(folder: Path) -> Problem:
    """What keeps ``folder`` from being a finished run."""
    if not folder.exists():
        return Problem(folder, "missing", "it was not started.")
    log = folder / "run.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if lines and " ERROR " in lines[-1]:
        return Problem(folder, "failed", lines[-1].partition(" ERROR ")[2].removeprefix("alrun: "))
    if (folder / "done").exists():
        lost = ", ".join(name for name in RESULTS if not (folder / name).exists())
        return Problem(folder, "unfinished", f"{lost} was deleted; the run's command writes it anew.")
    accuracy = folder / "accuracy.csv"
    count = max(len(accuracy.read_text(errors="replace").splitlines()) - 1, 0) if accuracy.exists() else 0
    rounds = "1 round is" if count == 1 else f"{count or 'no'} rounds are"
    return Problem(folder, "unfinished", f"{rounds} done; the run's command goes on from there.")


def read_run(folder: Path) -> list[dict[str, Any]]:
    """A row for every round of a finished run.

    Raises:
        UserError: A file is damaged or lacks rounds.
    """
    with reading(path := folder / "run.json"):
        meta = json.loads(path.read_text())
        options = {
            group: "" if option == "None" else option
            for group, option in meta["options"].items()
            if group not in DERIVED and not group.startswith("hydra/")
        }
        run = {"run": run_name(folder), "seed": int(meta["seed"]), "folder": shown(folder), **provenance(meta)}
        settings = dict(flatten({key: value for key, value in meta["settings"].items() if key != "seed"}))
        budget = meta["settings"]["budget"]
        count = len(range(budget["seed_size"], budget["total"] + 1, budget["batch_size"]))
    accuracy = read_rows(folder / "accuracy.csv", ("round", "labeled", "test_accuracy"), count)
    timing = read_rows(folder / "timing.csv", ("round", "labeled", "train_seconds"), count)
    classes = read_classes(folder / "per_class.csv", count)
    common = {**options, **{key: value for key, value in settings.items() if key not in options}, **run}
    return [{**common, **row, **times, **each} for row, times, each in zip(accuracy, timing, classes, strict=True)]


def provenance(meta: dict[str, Any]) -> dict[str, str]:
    """Where the results of a run.json come from."""
    known = {**meta.get("versions", {}), **meta, "hardware": meta.get("device")}
    return {key: str(known[key]) for key in (*NAMES, *PROVENANCE) if known.get(key) is not None}


def flatten(node: dict[Any, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Leaves of a nested dictionary as (dotted name, text); the text is JSON but for strings."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        elif not str(key).startswith("_partial_"):
            yield prefix + str(key), value if isinstance(value, str) else json.dumps(value)


def read_rows(path: Path, columns: tuple[str, ...], rounds: int) -> list[dict[str, Any]]:
    """A CSV with a row for each of ``rounds``, as numbers and words.

    Raises:
        UserError: A column, a row or part of a row is missing, or is no number.
    """
    with reading(path), path.open(newline="") as file:
        rows = list(csv.DictReader(file))
        absent = [column for column in columns if not rows or column not in rows[0]]
        if absent:
            raise ValueError(f"it has no {'rows' if not rows else ' and no '.join(absent)}")
        if any(None in chain(row, row.values()) for row in rows):
            raise ValueError("a row is cut short")
        kept = [{key: convert(row[key]) for key, convert in _COLUMNS.items() if key in row} for row in rows]
        if [row["round"] for row in kept] != list(range(rounds)):
            raise ValueError(f"it has {len(rows)} rows, not one for each of {rounds} rounds")
        return kept


_COLUMNS: dict[str, Callable[[str], Any]] = {"round": int, "labeled": int, **NUMBERS, **dict.fromkeys(WORDS, str)}


def read_classes(path: Path, rounds: int) -> list[dict[str, str]]:
    """per_class.csv as one text per round and measure, the classes in order.

    Raises:
        UserError: As ``read_rows``.
    """
    accuracy: list[list[str]] = [[] for _ in range(rounds)]
    labeled: list[list[str]] = [[] for _ in range(rounds)]
    with reading(path), path.open(newline="") as file:
        for row in csv.DictReader(file):
            if None in row.values() or None in row:
                raise ValueError("a row is cut short")
            accuracy[int(row["round"])].append(f"{float(row['test_accuracy']):.6g}")
            labeled[int(row["round"])].append(str(int(row["labeled"])))
        if len({len(each) for each in accuracy}) != 1 or not accuracy[0]:
            raise ValueError("it has not a row for each class and round")
    return [
        {"class_accuracy": " ".join(a), "class_labeled": " ".join(b)} for a, b in zip(accuracy, labeled, strict=True)
    ]


def arrange(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in order: keys and strategy, measures, options and settings, provenance; text without gaps."""
    if frame.empty:
        return pd.DataFrame(columns=list(REQUIRED))
    columns = [str(column) for column in frame]
    first = [*KEYS[:1], "strategy", *KEYS[1:], *NUMBERS, *WORDS, *BY_CLASS]
    head = [column for column in first if column in columns]
    tail = [column for column in PROVENANCE if column in columns]
    middle = [column for column in columns if column not in (*head, *tail)]
    text = [column for column in (*head, *middle, *tail) if column not in (*KEYS[1:], *NUMBERS)]
    frame = frame[[*head, *middle, *tail]].copy()
    frame[text] = frame[text].fillna("").astype(str)
    return frame


def setting_columns(rounds: pd.DataFrame) -> list[str]:
    """The columns with options and settings: what decides the results of a run, its seed aside."""
    others = (*KEYS, *NUMBERS, *WORDS, *BY_CLASS, *PROVENANCE, *NAMES, *CURVE)
    return [str(column) for column in rounds if column not in others]


def write(rounds: pd.DataFrame, path: Path) -> None:
    """Write the table as the suffix of ``path`` says: .csv, or .parquet with numbers where all of a column are.

    Raises:
        UserError: The suffix is another one, or Parquet is not installed.
    """
    text = rounds.to_csv(index=False, lineterminator="\n")
    if path.suffix == ".csv":
        files.write_text(path, text)
    elif path.suffix == ".parquet":
        buffer = io.BytesIO()
        try:
            pd.read_csv(io.StringIO(text), low_memory=False).to_parquet(buffer, index=False)
        except ImportError as error:
            raise UserError(f"{path} needs pyarrow: pip install 'alrun[parquet]', or give a name in .csv.") from error
        files.write(path, buffer.getvalue())
    else:
        raise UserError(f"{path}: results are written as .csv or .parquet; give such a name.")


def read(path: Path) -> pd.DataFrame:
    """The table that ``write`` wrote as CSV, as ``gather`` gives it.

    Raises:
        UserError: The file is not there or is not such a table.
    """
    numbers = {"seed": int, "round": int, "labeled": int, "test_accuracy": float}
    try:
        header = pd.read_csv(path, nrows=0).columns
        absent = [column for column in REQUIRED if column not in header]
        if absent:
            raise ValueError(f"it has no column {' and no '.join(absent)}")
        text = [column for column in header if column not in (*KEYS[1:], *NUMBERS)]
        return pd.read_csv(
            path, dtype=dict.fromkeys(text, str) | numbers, keep_default_na=False, na_values={c: "" for c in NUMBERS}
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{path} is no table of results ({reason}): python -m alrun.results writes one.") from error
