"""Tables of several people as one: each run once, with its source; contradictions are refused.

Equal numbers are promised on one torch version, instruction set, kind of device and number of threads
(docs/reference/promises.md). So a run that is in two tables is

- the same run by another machine, if the tables name different machines, the same settings and the same labels by
  round. One seed stays one repeat: the copy counts whose machine has most runs of the setting, so that strategies are
  compared on one machine where possible;
- a contradiction, if its settings differ, or its numbers and no machine explains it. alrun's version and that of Python
  explain nothing: results that another version would change have another name. Nor does a machine explain that all
  copies of a strategy's runs end higher.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import machines, repeated, result_files, rounds, sources
from alrun.analysis.machines import Machine
from alrun.analysis.metrics import ACCURACY, PLAIN
from alrun.analysis.rounds import Problem
from alrun.runs import schema
from alrun.runs.run_folder import display_path
from alrun.system.errors import DataError

SOURCE = "source"  # column: whose table the row comes from
OTHERS = ["run", "strategy", "seed", "source", "machine", "counts instead", "its machine"]
OTHERS += ["final accuracy", "its final accuracy", "gap"]


class Merged(NamedTuple):
    """The joined table, what is not in it, and copies of its runs by other machines, a row for each."""

    rounds: pd.DataFrame
    problems: list[Problem]
    others: pd.DataFrame


@dataclass(frozen=True)
class Copy:
    """A run in one of the tables."""

    table: int
    path: str
    rows: pd.DataFrame

    @cached_property
    def machine(self) -> Machine:
        """What names its machine."""
        return machines.machines_of(self.rows.head(1))[0]

    @property
    def final(self) -> float:
        """The accuracy after its last round."""
        return float(self.rows.sort_values("round")[ACCURACY.column].iloc[-1])


def merge(tables: Sequence[tuple[str, Path]]) -> Merged:
    """Join ``tables``, pairs of a source's name and the path of what ``alrun results`` wrote.

    A row that has a source, because its table was merged before, keeps it.

    Raises:
        UserError: One is not such a table, a later alrun wrote it, or two contradict each other.
    """
    read: list[tuple[str, pd.DataFrame]] = []
    problems: list[Problem] = []
    for name, path in tables:
        table, unsound = sources.keep_sound_runs(result_files.read_results(path), path)
        before = table[SOURCE] if SOURCE in table else pd.Series("", table.index)
        table = repeated.without_repeated_rows(table, display_path(path))
        read.append((display_path(path), table.assign(**{SOURCE: before.where(before != "", name)})))
        problems += unsound
    kept, others = one_machine_each(read)
    kept = [(path, table) for path, table in kept if len(table)]
    if not kept:
        return Merged(pd.DataFrame(), problems, others)
    joined = rounds.arrange(repeated.keep_once(kept))
    return Merged(joined.assign(**{schema.KEY: str(schema.SCHEMA_VERSION)}), problems, others)


def one_machine_each(tables: list[tuple[str, pd.DataFrame]]) -> tuple[list[tuple[str, pd.DataFrame]], pd.DataFrame]:
    """The tables without runs that another machine's copy stands for, and a row for each run that was left out.

    Raises:
        UserError: Copies differ, and no machine explains it.
    """
    held: dict[str, list[int]] = {}
    for number, (_, table) in enumerate(tables):
        for run in table["run"].unique():
            held.setdefault(str(run), []).append(number)
    dropped: dict[int, set[str]] = {}
    pairs: list[tuple[Copy, Copy]] = []
    counts = runs_by_machine(tables)
    for run, numbers in held.items():
        if len(numbers) < 2:
            continue
        copies = [Copy(number, tables[number][0], rows_of(tables[number][1], run)) for number in numbers]
        for one, other in itertools.combinations(copies, 2):
            check_agreement(run, one, other)
        setting = run.rpartition("/")[0]
        best = min(copies, key=lambda copy: (-counts[setting, copy.machine], copy.machine, first(copy.rows, SOURCE)))
        for copy in copies:
            if machines.are_different(copy.machine, best.machine):
                dropped.setdefault(copy.table, set()).add(run)
                pairs.append((copy, best))
    machines.refuse_one_direction(last_differences(pairs))
    kept = [(path, table[~table["run"].isin(dropped.get(n, set()))]) for n, (path, table) in enumerate(tables)]
    return kept, pd.DataFrame([other_machine(copy, best) for copy, best in pairs], columns=OTHERS)


def runs_by_machine(tables: Sequence[tuple[str, pd.DataFrame]]) -> dict[tuple[str, Machine], int]:
    """How many runs each machine has of each setting."""
    found: dict[tuple[str, Machine], set[str]] = {}
    for _, table in tables:
        runs = table.drop_duplicates("run")
        for run, machine in zip(runs["run"], machines.machines_of(runs), strict=True):
            found.setdefault((run.rpartition("/")[0], machine), set()).add(run)
    return {key: len(runs) for key, runs in found.items()}


def check_agreement(run: str, one: Copy, other: Copy) -> None:
    """Refuse two copies of ``run`` with other settings, or with other numbers that no machine explains.

    Raises:
        UserError: They contradict each other.
    """
    difference, why = repeated.other_setting(one.rows, other.rows), "but a run's name stands for its settings and data"
    if not difference:
        difference, why = repeated.difference_in_words(one.rows, other.rows), unexplained(one, other)
    if difference and why:
        raise DataError(
            f"{one.path} and {other.path} contradict each other: both hold the run {run}, {difference}, {why}: leave "
            "one of them out."
        )


def unexplained(one: Copy, other: Copy) -> str:
    """Why two machines do not explain that the copies differ, in words; empty where they do."""
    if not same_labels(one.rows, other.rows):
        return "and no machine changes how much is labeled in a round"
    if not machines.are_different(one.machine, other.machine):
        return "and they name no different machines (torch, hardware, instruction set, threads)"
    return ""


def same_labels(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two copies paid for the same number of answers in each round: the budget decides this, not the machine.

    A stopping criterion may end a run earlier on another machine; then the rounds count that both have.
    """
    ours, theirs = (dict(zip(rows["round"], PLAIN.x(rows), strict=True)) for rows in (one, other))
    if str(first(one, "stopping")) in ("", "none"):
        return ours == theirs
    return all(ours[number] == theirs[number] for number in ours.keys() & theirs.keys())


def last_differences(pairs: Sequence[tuple[Copy, Copy]]) -> pd.DataFrame:
    """A row for each pair of copies: the two tables in their order, and how much higher the second ends.

    A copy may have ended earlier: both are compared after the last round that both have.
    """
    rows = []
    for pair in pairs:
        one, other = sorted(pair, key=lambda copy: copy.table)
        ours, theirs = (each.rows.drop_duplicates("round").set_index("round")[ACCURACY.column] for each in (one, other))
        both = ours.index.intersection(theirs.index)
        gap = theirs[both.max()] - ours[both.max()] if len(both) else math.nan
        rows.append((one.path, other.path, first(one.rows, "strategy"), gap))
    return pd.DataFrame(rows, columns=["table", "other", "strategy", "difference"])


def other_machine(copy: Copy, best: Copy) -> dict[str, object]:
    """The row of a ``copy`` for which ``best`` counts: both machines, and how far apart the two are (accuracies)."""
    curves = [each.rows.drop_duplicates("round").set_index("round")[ACCURACY.column] for each in (copy, best)]
    gap = (curves[0] - curves[1]).abs().max()
    cells = [first(copy.rows, name) for name in ("run", "strategy", "seed")]
    for each in (copy, best):
        cells += [first(each.rows, SOURCE), machines.in_words(each.machine)]
    return dict(zip(OTHERS, (*cells, copy.final, best.final, math.nan if pd.isna(gap) else float(gap)), strict=True))


def rows_of(table: pd.DataFrame, run: str) -> pd.DataFrame:
    """The rows of ``run``."""
    return table[table["run"] == run]


def first(rows: pd.DataFrame, column: str) -> object:
    """The cell of ``column`` in the first row; empty if there is no such column."""
    return rows[column].iloc[0] if column in rows else ""
