"""A run that occurs more than once: counted once if the copies agree, refused if they do not.

Otherwise the order of the sources would decide which copy counts.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alrun.analysis.curves import UNDOTTED, meaning, spelt_alike
from alrun.analysis.metrics import ACCURACY, TABLE
from alrun.analysis.rounds import setting_columns
from alrun.system.errors import DataError

DIGITS = 9  # of a measure that must agree; a conversion to text and back may change later ones
ROUNDING = 6e-6  # of a number, by which two copies may differ: alrun results --lean writes 6 digits
PAID = ("answers", "spent")  # what was paid for, in answers and in costs
METRICS_BY_COLUMN = {metric.column: metric.label for metric in TABLE}  # the label of each measure


def keep_once(tables: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The rows of all ``tables`` (pairs of source and rows), each run once.

    Raises:
        UserError: Two tables, or two runs of one setting and seed, have different numbers.
    """
    seen: dict[str, tuple[str, pd.DataFrame]] = {}
    parts = []
    for source, table in tables:
        table = without_repeated_rows(table, source)
        new = []
        for run, frame in table.groupby("run", sort=False):
            name = str(run)
            if name not in seen:
                seen[name] = source, frame
                new.append(name)
            elif difference := difference_in_words(seen[name][1], frame):
                raise DataError(
                    f"{seen[name][0]} and {source} contradict each other: both hold the run {name}, {difference}. They "
                    "are two experiments under one name: leave one out, or report them apart."
                )
        parts.append(table[table["run"].isin(new)])
    rounds = pd.concat(parts, ignore_index=True)
    return rounds[~rounds["run"].isin(of_one_setting(rounds, seen))].reset_index(drop=True)


def numbers_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a run that copies must share, by round: labels, accuracy, and whatever else was measured."""
    known = [column for column in ("labeled", *PAID, *METRICS_BY_COLUMN) if column in frame]
    return frame.set_index("round")[known].astype(float)


def difference_in_words(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Where the numbers of two copies of a run differ, in words; empty where they agree.

    A measure that one copy lacks is no difference, because earlier versions of alrun measured less.
    """
    ours, theirs = numbers_of(first), numbers_of(second)
    if set(ours.index) != set(theirs.index):
        if len(ours) == len(theirs):
            return f"one with the rounds from {ours.index.min()} and one with those from {theirs.index.min()}"
        return f"one with {len(ours)} rounds and one with {len(theirs)}"
    shared = [str(column) for column in ours if column in theirs]
    ours, theirs = ours[shared], theirs.loc[ours.index, shared]
    differs = ~np.isclose(ours, theirs, rtol=ROUNDING, atol=10**-DIGITS, equal_nan=True)
    later = ~np.isin(shared, ("labeled", ACCURACY.column))
    differs &= ~(later & (ours.isna() | theirs.isna()).to_numpy())
    for row, column in np.argwhere(differs):
        number, one, other = ours.index[row], ours.iloc[row, column], theirs.iloc[row, column]
        if shared[column] == "labeled":
            return f"after round {number} with {one:.0f} and with {other:.0f} labels"
        if shared[column] in PAID:
            return f"after round {number} with {shared[column]} {one:g} and {other:g}"
        word = "accuracies" if shared[column] == ACCURACY.column else METRICS_BY_COLUMN[shared[column]]
        return f"after round {number} with {word} {one:.6g} and {other:.6g}"
    return ""


def other_setting(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """The first setting in which two copies of a run differ, in words; empty where they agree.

    A setting that one copy lacks is no difference, because earlier versions of alrun had fewer; nor is the module of a
    class, which they wrote before its name.
    """
    ours, theirs = first.iloc[0], second.iloc[0]
    for column in ["seed", *setting_columns(first), "data"]:
        one, other = (str(each.get(column, "")) for each in (ours, theirs))
        if column.endswith("_target_"):
            one, other = (name.rpartition(".")[2] for name in (one, other))
        if one and other and meaning(one) != meaning(other):
            return f"one with {column} {one} and one with {other}"
    return ""


def without_repeated_rows(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table with each round of a run once.

    Raises:
        UserError: A round occurs twice with different numbers.
    """
    counts = [column for column in ("labeled", *PAID) if column in table]
    numbers = table[["run", "round", *counts]].assign(accuracy=table[ACCURACY.column].round(DIGITS))
    rows = table[~numbers.duplicated()]
    twice = rows[rows.duplicated(["run", "round"])]
    if len(twice):
        first = twice.iloc[0]
        raise DataError(
            f"{source} contradicts itself: it holds round {first['round']} of the run {first['run']} twice, with "
            "different numbers. Leave one out."
        )
    return rows


def of_one_setting(rounds: pd.DataFrame, seen: dict[str, tuple[str, pd.DataFrame]]) -> set[str]:
    """Runs that are copies of another run under another name: same settings, same seed, same numbers.

    Raises:
        UserError: Two runs of one setting and seed have different numbers.
    """
    runs = rounds.drop_duplicates("run")
    runs = runs.assign(**{name: spelt_alike(runs[name]) for name in setting_columns(runs) if "." in name})
    columns = [c for c in setting_columns(runs) if "." in c or c in (*UNDOTTED, "strategy", "dataset", "model")]
    names = ["variant"] if "variant" in runs else []
    copies: set[str] = set()
    twice = runs[runs.duplicated([*columns, *names, "seed"], keep=False)]
    for _, frame in twice.groupby([*columns, *names, "seed"], sort=False, dropna=False):
        first, *others = map(str, frame["run"])
        for other in others:
            if difference := difference_in_words(seen[first][1], seen[other][1]):
                raise DataError(
                    f"{first} ({seen[first][0]}) and {other} ({seen[other][0]}) have one setting and seed, {difference}"
                    f"{told_apart(frame)}: leave one out, or report them apart."
                )
            copies.add(other)
    return copies


def told_apart(runs: pd.DataFrame) -> str:
    """What distinguishes two such runs beside their settings, as text."""
    known = [name for name in ("data", "alrun", "commit") if name in runs and runs[name].nunique() > 1]
    return "".join(f"; {name} {' and '.join(runs[name])}" for name in known[:1])
