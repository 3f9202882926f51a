"""Tables of several people as one: each run once, with its source; contradictions are refused.

Equal numbers are promised on one torch version, instruction set, kind of device and number of threads
(docs/reference/promises.md). So a run whose numbers differ between two tables is

- the same run by another machine, if the tables name different machines, the same data and the same labels by round.
  One seed stays one repeat: the copy counts whose machine has most runs of the setting, so that strategies are compared
  on one machine where possible;
- a contradiction otherwise. alrun's version and that of Python explain nothing: results that another version would
  change have another name.
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from alrun.analysis import repeated, result_files, rounds, sources
from alrun.analysis.metrics import ACCURACY, PLAIN
from alrun.analysis.rounds import Problem
from alrun.runs import schema
from alrun.runs.run_folder import display_path
from alrun.system.errors import DataError

SOURCE = "source"  # column: whose table the row comes from
MACHINE = ("torch", "cuda", "hardware", "cpu_capability", "threads", "memory_format")  # columns that name a machine
OTHERS = ["run", "source", "machine", "counts instead", "its machine", "final accuracy", "its final accuracy", "gap"]


class Merged(NamedTuple):
    """The joined table, what is not in it, and copies of its runs by other machines, a row for each."""

    rounds: pd.DataFrame
    problems: list[Problem]
    others: pd.DataFrame


class Copy(NamedTuple):
    """A run in one of the tables."""

    table: int
    path: str
    rows: pd.DataFrame

    @property
    def machine(self) -> tuple[str, ...]:
        """What names its machine; empty texts where the table does not say."""
        return tuple(str(first(self.rows, column)) for column in MACHINE)

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
    rows = []
    machines = runs_by_machine(tables)
    for run, numbers in held.items():
        if len(numbers) < 2:
            continue
        copies = [Copy(number, tables[number][0], rows_of(tables[number][1], run)) for number in numbers]
        if not any([differ(run, one, other) for one, other in itertools.combinations(copies, 2)]):  # all are checked
            continue
        setting = run.rpartition("/")[0]
        best = min(copies, key=lambda copy: (-machines[setting, copy.machine], copy.machine, first(copy.rows, SOURCE)))
        for copy in copies:
            if copy.machine != best.machine and differ(run, copy, best):
                dropped.setdefault(copy.table, set()).add(run)
                rows.append(other_machine(run, copy, best))
    kept = [(path, table[~table["run"].isin(dropped.get(n, set()))]) for n, (path, table) in enumerate(tables)]
    return kept, pd.DataFrame(rows, columns=OTHERS)


def runs_by_machine(tables: Sequence[tuple[str, pd.DataFrame]]) -> dict[tuple[str, tuple[str, ...]], int]:
    """How many runs each machine has of each setting."""
    found: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for _, table in tables:
        runs = table.drop_duplicates("run")
        machine = zip(*(runs[c].astype(str) if c in runs else [""] * len(runs) for c in MACHINE), strict=True)
        for run, names in zip(runs["run"], machine, strict=True):
            found.setdefault((run.rpartition("/")[0], names), set()).add(run)
    return {key: len(runs) for key, runs in found.items()}


def differ(run: str, one: Copy, other: Copy) -> bool:
    """Whether two copies of ``run`` differ.

    Raises:
        UserError: They do, and no machine explains it.
    """
    difference = repeated.difference_in_words(one.rows, other.rows)
    if difference and (why := unexplained(one, other)):
        raise DataError(
            f"{one.path} and {other.path} contradict each other: both hold the run {run}, {difference}, {why}: leave "
            "one of them out."
        )
    return bool(difference)


def unexplained(one: Copy, other: Copy) -> str:
    """Why two machines do not explain that the copies differ, in words; empty where they do."""
    data = [str(first(copy.rows, "data")) for copy in (one, other)]
    if all(data) and data[0] != data[1]:
        return f"on different data (fingerprints {data[0]} and {data[1]})"
    if not same_labels(one.rows, other.rows):
        return "and no machine changes how much is labeled in a round"
    if not any(a and b and a != b for a, b in zip(one.machine, other.machine, strict=True)):
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


def other_machine(run: str, copy: Copy, best: Copy) -> dict[str, object]:
    """The row of a ``copy`` for which ``best`` counts: both machines, and how far apart the two are (accuracies)."""
    curves = [each.rows.drop_duplicates("round").set_index("round")[ACCURACY.column] for each in (copy, best)]
    cells = run, first(copy.rows, SOURCE), machine_in_words(copy), first(best.rows, SOURCE), machine_in_words(best)
    gap = (curves[0] - curves[1]).abs().max()
    return dict(zip(OTHERS, (*cells, copy.final, best.final, math.nan if pd.isna(gap) else float(gap)), strict=True))


def machine_in_words(copy: Copy) -> str:
    """``torch 2.13.0+cpu, AMD EPYC, AVX512, 1 thread, contiguous``."""
    torch, cuda, hardware, capability, threads, layout = copy.machine
    counted = f"{threads} thread{'s' if threads != '1' else ''}" if threads else ""
    words = [f"torch {torch}" if torch else "", f"CUDA {cuda}" if cuda else "", hardware, capability, counted, layout]
    return ", ".join(filter(None, words))


def rows_of(table: pd.DataFrame, run: str) -> pd.DataFrame:
    """The rows of ``run``."""
    return table[table["run"] == run]


def first(rows: pd.DataFrame, column: str) -> object:
    """The cell of ``column`` in the first row; empty if there is no such column."""
    return rows[column].iloc[0] if column in rows else ""
