"""All results as one table, a row per run and round: gathered from run folders, written to and read from CSV.

All of analysis/ starts from this table, so results can be analyzed without the run folders. Columns: ``run`` (the last
two parts of the folder, which name what was computed), ``seed``, ``round``, ``labeled``; the measures;
a column per configuration group with the chosen option; a column per setting (``budget.batch_size``); provenance.
Options, settings and provenance are text, empty if a run has none.
"""

import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alrun.analysis import formats
from alrun.analysis.run_reader import NAMES, NUMBERS, PROVENANCE, STOPPING, WORDS, read_run, run_name
from alrun.runs import schema
from alrun.runs.finished import altered_results
from alrun.runs.run_folder import display_path, is_done, other_version, results_of, run_state
from alrun.system import files, spreadsheet
from alrun.system.errors import DataError, UserError, first_line
from alrun.system.safe_text import one_line, uncell

KEYS = ("run", "seed", "round", "labeled")
# A number for each class, separated by spaces; numbers by the names of groups, as JSON.
BY_PART = ("class_accuracy", "class_labeled", "group_accuracy")
BY_ROUND = ("round", "labeled", *NUMBERS, *WORDS, *BY_PART)  # other columns are the same in all rounds of a run
CURVE = ("facet", "label", "curve")  # added by analysis.curves
REQUIRED = ("run", "seed", "round", "labeled", "test_accuracy", "strategy")


class Problem(NamedTuple):
    """A run that is not in the table."""

    run: Path
    status: str  # missing, failed, unfinished, damaged, duplicate, other version or untested
    reason: str  # a sentence

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
    problems, seen, contradicting = [], {}, []
    for folder in folders:
        name = run_name(folder)
        if not is_done(folder):
            problems.append(why_not(folder))
        elif other := other_version(folder):
            reason = f"it was computed by {other}; this version would give other results."
            problems.append(Problem(folder, "other version", reason))
        else:
            try:
                if names := altered_results(folder):
                    raise DataError(f"{', '.join(names)} changed since the run ended; the run's command restores it.")
                read = read_run(folder)
                if name not in seen:
                    rows += read
                    seen[name] = folder, read
                elif measured_of(read) == measured_of(seen[name][1]):
                    reason = f"the same run is in {display_path(seen[name][0])}; that one counts."
                    problems.append(Problem(folder, "duplicate", reason))
                else:
                    contradicting.append(
                        f"{display_path(seen[name][0])} and {display_path(folder)} contradict each other: the same run "
                        "with different numbers; leave one out, or report them apart."
                    )
            except UserError as error:
                problems.append(Problem(folder, "damaged", str(error)))
            except OSError as error:
                reason = f"{error.filename} cannot be read ({error.strerror}); the run's command writes it again."
                problems.append(Problem(folder, "damaged", reason))
    if contradicting:
        raise DataError(contradicting[0])
    return Results(arrange(pd.DataFrame(rows)), problems)


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
    return Problem(folder, "unfinished", f"{rounds} done; the run's command goes on from there.")


def arrange(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in order: keys and strategy, measures, options and settings, provenance; missing text is empty."""
    if frame.empty:
        return pd.DataFrame(columns=list(REQUIRED))
    frame = with_worst_group(frame)
    columns = [str(column) for column in frame]
    first = [*KEYS[:1], "strategy", *KEYS[1:], *NUMBERS, *WORDS, *BY_PART]
    head = [column for column in first if column in columns]
    tail = [column for column in PROVENANCE if column in columns]
    middle = [column for column in columns if column not in (*head, *tail)]
    text = [column for column in (*head, *middle, *tail) if column not in (*KEYS[1:], *NUMBERS)]
    frame = with_answers(frame[[*head, *middle, *tail]].copy())
    frame[text] = frame[text].fillna("").astype(str)
    shown = [column for column in text if column != "folder"]  # a folder keeps its exact name, by which it is found
    frame[shown] = frame[shown].map(one_line)
    return frame


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


def lean(rounds: pd.DataFrame) -> pd.DataFrame:
    """The table without numbers by class or group and without the stopping measures; other fractions to 6 digits.

    It has what comparisons of strategies read, at a third of the size, and is not the same table when read back.
    """
    kept = rounds.drop(columns=[*BY_PART, *STOPPING, "class_names"], errors="ignore")
    return kept.apply(lambda column: column.map(six_digits) if column.dtype.kind == "f" else column)


def six_digits(number: float) -> float:
    """``number`` with 6 significant digits."""
    return float(f"{number:.6g}")


def write_results(rounds: pd.DataFrame, path: Path) -> None:
    """Write the table as the suffix of ``path`` says: .csv, or .parquet, where a column of numbers has numbers.

    Without a suffix ``path`` is a folder of two smaller tables: runs.csv with the columns that all rounds of a run
    share, and rounds.csv with the rest.

    Raises:
        UserError: The suffix is another one, or pyarrow is not installed.
    """
    if path.suffix == ".csv":
        files.write_text(path, formats.csv(rounds))
    elif path.suffix == ".parquet":
        buffer = io.BytesIO()
        try:
            text = rounds.to_csv(index=False, lineterminator="\n")
            pd.read_csv(io.StringIO(text), low_memory=False).to_parquet(buffer, index=False)
        except ImportError as error:
            raise DataError(f"{path} needs pyarrow: pip install 'alrun[parquet]', or give a name in .csv.") from error
        files.write(path, buffer.getvalue())
    elif not path.suffix:
        varying = [column for column in rounds if column in BY_ROUND]
        files.write_text(path / "runs.csv", formats.csv(rounds.drop(columns=varying).drop_duplicates("run")))
        files.write_text(path / "rounds.csv", formats.csv(rounds[["run", *varying]]))
    else:
        raise DataError(
            f"{path}: results are written as .csv, .parquet or to a folder (a name without a suffix); give such a name."
        )


def is_table(path: Path) -> bool:
    """Whether ``path`` names a table that ``write_results`` wrote as CSV."""
    return path.suffix == ".csv" or all((path / name).exists() for name in ("runs.csv", "rounds.csv"))


def read_results(path: Path) -> pd.DataFrame:
    """The table that ``write_results`` wrote as CSV, in the form that ``gather`` returns.

    Raises:
        UserError: It does not exist or is not such a table.
    """
    try:
        if not path.is_dir():
            return of_this_version(read_csv(path, REQUIRED), path)
        rounds = read_csv(path / "rounds.csv", [column for column in REQUIRED if column in ("run", *BY_ROUND)])
        runs = read_csv(path / "runs.csv", [column for column in REQUIRED if column not in BY_ROUND])
        if lost := set(rounds["run"]) ^ set(runs["run"]):
            raise ValueError(f"{min(lost)} is in one of its two files alone")
        return of_this_version(arrange(rounds.merge(runs, on="run", validate="many_to_one")), path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise DataError(f"{path} is not a table of results ({reason}): alrun results writes one.") from error


def of_this_version(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """``table``, unless a later version of alrun wrote it; tables of 0.1 have no column with the version.

    Raises:
        UserError: A later version wrote it.
        ValueError: The column has something that is not a version.
    """
    for found in table[schema.KEY].unique() if schema.KEY in table else []:
        schema.check_version(int(found or 0), str(path))
    return with_worst_group(with_answers(table))


def read_csv(path: Path, required: Iterable[str]) -> pd.DataFrame:
    """A CSV with at least the ``required`` columns; numbers as numbers, all else as text.

    A missing number is NaN; alrun.analysis.sources reports it.
    """
    text, separator, skipped = spreadsheet.open_text(path, path.name)
    # Empty lines are kept, so that the index is the line in the file.
    table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False)
    table = table.fillna("").rename(columns=lambda name: str(name).strip())
    table.index += 2 + skipped
    table = table[(table != "").any(axis=1)]
    if absent := [column for column in required if column not in table]:
        raise ValueError(f"it has no column {' and no '.join(absent)}")
    is_number = {column: column in (*KEYS[1:], *NUMBERS) for column in table}
    read = {column: numbers(cells) if is_number[column] else cells.map(uncell) for column, cells in table.items()}
    table = pd.DataFrame(read).reset_index(drop=True)
    whole = [column for column in KEYS[1:] if column in table and table[column].notna().all()]
    if fractions := [column for column in whole if (table[column] % 1 != 0).any()]:
        raise ValueError(f"its column {fractions[0]} has fractions")
    return table.astype(dict.fromkeys(whole, int))


def numbers(cells: pd.Series) -> pd.Series:
    """The numbers that ``cells`` has as text; NaN for an empty cell. Integers are int, measures always float.

    ``cells`` is named by its column; its index has the lines of the file.

    Raises:
        ValueError: A cell is not a number.
    """
    cells = cells.str.strip()
    found = []
    for line, cell in cells.items():
        try:
            number = float(cell or "nan")
        except ValueError:
            number = math.nan
        if cell and math.isnan(number):  # the text NaN is not a number either
            point = "; decimals have a point" if "," in cell else ""
            raise ValueError(f"line {line}, column {cells.name}: {cell!r} is not a number{point}")
        found.append(number)
    is_whole = NUMBERS.get(str(cells.name)) is not float and bool(cells.str.fullmatch(r"[+-]?\d{1,15}").all())
    return pd.Series(found, cells.index, dtype=float).astype(int if is_whole else float)
