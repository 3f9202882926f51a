"""All results as one table, a row per run and round, gathered from run folders.

All of analysis/ starts from this table, so results can be analyzed without the run folders. Columns: ``run`` (the last
two parts of the folder, which name what was computed), ``seed``, ``round``, ``labeled``; the measures;
a column per configuration group with the chosen option; a column per setting (``budget.batch_size``); provenance.
Options, settings and provenance are text, empty if a run has none.
"""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alrun.analysis.run_reader import NAMES, NUMBERS, PROVENANCE, WORDS, read_run, run_name
from alrun.runs.finished import altered_results
from alrun.runs.run_folder import display_path, is_done, other_version, results_of, run_state
from alrun.system.errors import DataError, UserError
from alrun.system.safe_text import one_line

KEYS = ("run", "seed", "round", "labeled")
# A number for each class, separated by spaces; numbers by the names of groups, as JSON.
BY_PART = ("class_accuracy", "class_labeled", "group_accuracy")
BY_ROUND = ("round", "labeled", *NUMBERS, *WORDS, *BY_PART)  # other columns are the same in all rounds of a run
CURVE = ("facet", "label", "curve")  # added by analysis.curves
REQUIRED = ("run", "seed", "round", "labeled", "test_accuracy", "strategy")


class Problem(NamedTuple):
    """A run that is not in the table, or runs of one file for one reason."""

    run: Path
    status: str  # missing, failed, unfinished, damaged, duplicate, other version or untested
    reason: str  # a sentence
    runs: int = 1

    def __str__(self) -> str:
        return one_line(f"{self.status}: {display_path(self.run)}: {self.reason}")


class Results(NamedTuple):
    """The table, and the runs that are not in it."""

    rounds: pd.DataFrame
    problems: list[Problem]


def gather(folders: Iterable[Path]) -> Results:
    """The finished runs among ``folders``, and a problem for each of the others.

    Raises:
        UserError: Two folders of one name have different results.
    """
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    seen: dict[str, tuple[Path, list[dict[str, Any]]]] = {}
    for folder in folders:
        read = read_or_refuse(folder)
        name = run_name(folder)
        if isinstance(read, Problem):
            problems.append(read)
        elif name not in seen:
            rows += read
            seen[name] = folder, read
        elif measured_of(read) == measured_of(seen[name][1]):
            reason = f"the same run is in {display_path(seen[name][0])}; that one counts."
            problems.append(Problem(folder, "duplicate", reason))
        else:
            raise DataError(
                f"{display_path(seen[name][0])} and {display_path(folder)} contradict each other: the same run "
                "with different numbers; leave one out, or report them apart."
            )
    return Results(arrange(pd.DataFrame(rows)), problems)


def read_or_refuse(folder: Path) -> list[dict[str, Any]] | Problem:
    """The rows of the run in ``folder``, or why it is not in the table."""
    if not is_done(folder):
        return why_not(folder)
    if other := other_version(folder):
        return Problem(folder, "other version", f"it was computed by {other}; this version would give other results.")
    try:
        if names := altered_results(folder):
            raise DataError(f"{', '.join(names)} changed since the run ended: the run's command restores it if it can.")
        return read_run(folder)
    except UserError as error:
        return Problem(folder, "damaged", str(error))
    except OSError as error:
        reason = f"{error.filename} cannot be read ({error.strerror}); the run's command writes it again."
        return Problem(folder, "damaged", reason)


def measured_of(rows: list[dict[str, Any]]) -> list[str]:
    """The numbers that two runs of one name must share; as text, so that NaN equals NaN."""
    return [f"{row['round']} {row['labeled']} {row['test_accuracy']}" for row in rows]


def why_not(folder: Path) -> Problem:
    """Why ``folder`` is not a finished run."""
    how_far = run_state(folder)
    if how_far == "missing":
        return Problem(folder, "missing", "it was not started.")
    if how_far == "running":
        return Problem(folder, "unfinished", "it is being computed now.")
    if how_far == "failed":
        reason = (folder / "failed.txt").read_text(errors="replace").strip().splitlines() or ["see run.log"]
        return Problem(folder, "failed", reason[-1])
    log = folder / "run.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if lines and " ERROR " in lines[-1]:
        return Problem(folder, "failed", lines[-1].partition(" ERROR ")[2].removeprefix("alrun: "))
    if (folder / "done").exists():
        lost = ", ".join(name for name in results_of(folder) if not (folder / name).exists())
        return Problem(folder, "unfinished", f"{lost} was deleted; the run's command writes it again.")
    accuracy = folder / "accuracy.csv"
    count = max(len(accuracy.read_text(errors="replace").splitlines()) - 1, 0) if accuracy.exists() else 0
    rounds = "1 round is" if count == 1 else f"{count or 'no'} rounds are"
    return Problem(folder, "unfinished", f"{rounds} done; the run's command continues from there.")


def arrange(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in order: keys and strategy, measures, options and settings, provenance; missing text is empty."""
    if frame.empty:
        return pd.DataFrame(columns=list(REQUIRED))
    frame = with_worst_group(frame)
    columns = [str(column) for column in frame]
    first = ["run", "strategy", "seed", "round", "labeled", *NUMBERS, *WORDS, *BY_PART]
    head = [column for column in first if column in columns]
    tail = [column for column in PROVENANCE if column in columns]
    middle = [column for column in columns if column not in (*head, *tail)]
    text = [column for column in (*head, *middle, *tail) if column not in (*KEYS[1:], *NUMBERS)]
    frame = with_answers(frame[[*head, *middle, *tail]].copy())
    frame[text] = frame[text].fillna("").astype(str)
    shown = [column for column in text if column != "folder"]  # a folder keeps its exact name, by which it is found
    return frame.assign(**{column: map_text(frame[column], one_line) for column in shown})


def map_text(cells: pd.Series, function: Callable[[str], str]) -> pd.Series:
    """``cells.map(function)``, which is called once for each text: settings repeat in the rows of a table."""
    return cells.map({text: function(text) for text in cells.unique()}).astype(cells.dtype)


def with_answers(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with answers and costs in all rows: in those of earlier versions a label is one answer that costs 1."""
    if "answers" in frame:
        frame["answers"] = frame["answers"].fillna(frame["labeled"])
        if frame["answers"].notna().all():  # else a row is unsound
            frame["answers"] = frame["answers"].astype(int)
        if "spent" in frame:
            frame["spent"] = frame["spent"].fillna(frame["answers"]).astype(float)
    return frame


def with_worst_group(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with the accuracy of the worst group of test examples in each row, where there are groups."""
    if "group_accuracy" not in frame or "worst_group" in frame:
        return frame
    groups = frame["group_accuracy"].fillna("").astype(str)
    return frame.assign(worst_group=[min(groups_of(text).values(), default=math.nan) for text in groups])


def groups_of(text: str) -> dict[str, float]:
    """The test accuracy of each group in a cell of the table, by its name; empty where there are no groups."""
    return {str(name): float(accuracy) for name, accuracy in json.loads(text or "{}").items()}


def setting_columns(rounds: pd.DataFrame) -> list[str]:
    """The columns with options and settings, which decide the results of a run, apart from its seed."""
    others = (*KEYS, *NUMBERS, *WORDS, *BY_PART, *PROVENANCE, *NAMES, *CURVE)
    return [str(column) for column in rounds if column not in others]


def is_of_strategy(column: str) -> bool:
    """Whether a column is a setting or revision of the strategy or of one inside it (``strategy@strategy.inner``)."""
    starts = ("strategy.", "revisions.strategy.")
    return column.split("@")[0] == "strategy" or column.startswith(starts) or "@strategy." in column
