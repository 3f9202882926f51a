"""The table of results in files: CSV, Parquet, or a folder of two CSV."""

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from alrun.analysis import formats
from alrun.analysis.rounds import BY_PART, BY_ROUND, KEYS, REQUIRED, arrange, map_text, with_answers, with_worst_group
from alrun.analysis.run_reader import NUMBERS, STOPPING
from alrun.runs import schema
from alrun.system import files, spreadsheet
from alrun.system.errors import DataError, UserError, first_line
from alrun.system.safe_text import uncell

INTEGERS, EXACT = 2**63, 2**53  # above the first no integer is read, above the second none from a fraction


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
    return path.suffix == ".csv" or all(os.path.exists(path / name) for name in ("runs.csv", "rounds.csv"))


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
    except UserError:  # that a later version wrote it, say
        raise
    except (OSError, ValueError, OverflowError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise DataError(f"{path} is not a table of results ({reason}): alrun results writes one.") from error


def of_this_version(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """``table``, unless a later version of alrun wrote it; tables of 0.1 have no column with the version.

    Raises:
        UserError: A later version wrote it.
        ValueError: The column has something that is not a version.
    """
    for found in table[schema.KEY].unique() if schema.KEY in table else []:
        schema.check_version(int(float(found or 0)), str(path))  # 4.0 where a table without it was joined
    return with_worst_group(with_answers(table))


def read_csv(path: Path, required: Iterable[str]) -> pd.DataFrame:
    """A CSV with at least the ``required`` columns; numbers as numbers, all else as text.

    A missing number is NaN; alrun.analysis.sources reports it.
    """
    table = read_cells(path)
    if absent := [column for column in required if column not in table]:
        raise ValueError(f"it has no column {' and no '.join(absent)}")
    is_number = {column: column in (*KEYS[1:], *NUMBERS) for column in table}
    read = {column: numbers(cells) if is_number[column] else map_text(cells, uncell) for column, cells in table.items()}
    table = pd.DataFrame(read).reset_index(drop=True)
    whole = [column for column in KEYS[1:] if column in table and table[column].notna().all()]
    if fractions := [column for column in whole if (table[column] % 1 != 0).any()]:
        raise ValueError(f"its column {fractions[0]} has fractions")
    return table.astype(dict.fromkeys(whole, int))


def read_cells(path: Path) -> pd.DataFrame:
    """The cells of a CSV as text, without empty rows; its index has the lines of the file.

    Raises:
        UserError: It is no text.
        ValueError: A row has more or fewer cells than there are columns, as one that is cut off; or two have one name.
    """
    text, separator, skipped = spreadsheet.open_text(path, path.name)
    csv.field_size_limit(spreadsheet.LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = [name.strip() for name in next(reader, [])]
    while header and not header[-1]:  # separators at the end of all lines
        header.pop()
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise ValueError(f"it has two columns {twice[0] or 'without a name'}")
    lines, rows = [], []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        line = reader.line_num + skipped
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            differs = "fewer" if len(cells) < len(header) else "more"
            raise ValueError(f"line {line} has {differs} cells than the first line has names: it is cut off or damaged")
        lines.append(line)
        rows.append(cells[: len(header)])
    return pd.DataFrame(rows, lines, header, dtype=str)


def numbers(cells: pd.Series) -> pd.Series:
    """The numbers that ``cells`` has as text; NaN for an empty cell. Integers are int, measures always float.

    ``cells`` is named by its column; its index has the lines of the file.

    Raises:
        ValueError: A cell is not a number, or an integer is so large that it cannot be read exactly.
    """
    cells = cells.str.strip()
    is_whole = NUMBERS.get(str(cells.name)) is not float and bool(cells.str.fullmatch(r"[+-]?\d+").all())
    found: list[float] = []
    for line, cell in cells.items():
        try:
            number = int(cell) if is_whole else float(cell or "nan")
        except ValueError:
            number = math.nan
        if cell and math.isnan(number):  # the text NaN is not a number either
            point = "; decimals have a point" if "," in cell else ""
            raise ValueError(f"line {line}, column {cells.name}: {cell!r} is not a number{point}")
        if cells.name in KEYS and abs(number) >= (INTEGERS if is_whole else EXACT):
            raise ValueError(f"line {line}, column {cells.name}: {cell!r} is too large")
        found.append(number)
    return pd.Series(found, cells.index, dtype=int if is_whole else float)
