"""The sources of a report: an experiment, run folders, folders of them, patterns, or tables of results."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import repeated, rounds
from alrun.analysis.comparability import join_words
from alrun.analysis.curves import GROUPS, UNDOTTED, meaning
from alrun.analysis.metrics import ACCURACY, PLAIN, TABLE, Metric, check_measured
from alrun.analysis.result_files import is_table, read_results
from alrun.analysis.rounds import Problem, Results, setting_columns
from alrun.analysis.run_reader import NUMBERS
from alrun.runs.round_record import COSTS
from alrun.runs.run_folder import find_run_folders
from alrun.settings.checks import POOL_SIZES


def load(sources: Sequence[str]) -> Results:
    """The table of all ``sources``, in their order; a run that occurs twice counts once, unsound runs are left out.

    Raises:
        UserError: A source is not one of these, or two contradict each other.
    """
    paths = [Path(source) for source in sources if is_table(Path(source))]
    gathered = rounds.gather(find_run_folders([source for source in sources if not is_table(Path(source))]))
    tables, problems = [("the run folders", gathered.rounds)], list(gathered.problems)
    for path in paths:
        table, unsound = keep_sound_runs(read_results(path), path)
        tables.append((str(path), table))
        problems += unsound
    tables = [(source, table) for source, table in tables if len(table)]
    table = rounds.arrange(repeated.keep_once(tables)) if tables else gathered.rounds
    return Results(table, problems)


def keep_sound_runs(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The runs of the table at ``path`` whose numbers can be used, and a problem for each kind of others."""
    accuracy = table[ACCURACY.column]
    lacking = table[["seed", "round", "labeled"]].isna().any(axis=1)
    measured = accuracy.notna().groupby(table["run"]).transform("any")  # otherwise there was no test set
    named = pd.to_numeric(table["run"].str.extract(r"-seed(\d{1,18})$")[0])
    problems, left_out = [], pd.Series(False, table.index)
    for rows, reason in (
        (lacking, "a row without seed, round or labels"),
        *contradictions(table),
        (named.notna() & (named != table["seed"]), "another seed than its name says"),
        (table["round"] < 0, "rounds below 0"),
        (table["labeled"] < 1, "labels that are not a positive whole number"),
        (~rising(table), "labels that do not rise with the rounds"),
        (table["labeled"] > most_labels(table), "more labels than its budget or its data set has"),
        (accuracy.isna() & measured, "rounds without an accuracy among others that have one"),
        (
            (accuracy < 0) | (accuracy > 1),
            f"accuracies from {accuracy.min():g} to {accuracy.max():g}, which must be shares from 0 to 1 (divide "
            "percentages by 100)",
        ),
        *(
            (~table[metric.column].fillna(0).between(0, metric.high), f"a {metric.label} out of its range")
            for metric in TABLE
            if metric != ACCURACY and metric.column in table
        ),
        *((table[cost].fillna(0) < 0, f"{cost} below 0") for cost in COSTS if cost in table and cost in NUMBERS),
    ):
        runs = table.loc[rows & ~left_out, "run"].unique().tolist()
        if runs:
            count = f"{len(runs)} runs have" if len(runs) > 1 else "1 run has"
            shown = join_words([*runs[:2], *([f"{len(runs) - 2} more"] if len(runs) > 2 else [])])
            problems.append(Problem(path, "damaged", f"{count} {reason}: {shown}.", len(runs)))
        left_out |= table["run"].isin(runs)
    kept = table[~left_out]
    return kept.astype(dict.fromkeys(("seed", "round", "labeled"), int)), problems


def contradictions(table: pd.DataFrame) -> list[tuple[pd.Series, str]]:
    """The rows of runs that have several values of a setting, and of which one; an empty cell is no value."""
    columns = [name for name in setting_columns(table) if "." in name or name in (*GROUPS, *UNDOTTED, "strategy")]
    rows = table[["run", "seed", *columns]].drop_duplicates()
    rows = rows[rows["run"].duplicated(keep=False)]
    found = []
    for column in ("seed", *columns):
        cells = rows[column].astype(str)
        several = cells.map(meaning).where(cells != "").groupby(rows["run"]).nunique() > 1
        if several.any():
            found.append((table["run"].isin(several.index[several]), f"several values of {column}"))
    return found


def rising(table: pd.DataFrame) -> pd.Series:
    """For each row whether it has more answers than the round before it; a repeated round is compared elsewhere."""
    rows = table.drop_duplicates(["run", "round"]).sort_values("round", kind="stable")
    steps = PLAIN.x(rows).groupby(rows["run"], sort=False).diff()
    return ~(steps <= 0).reindex(table.index, fill_value=False)


def most_labels(table: pd.DataFrame) -> pd.Series:
    """For each row the most labels that its budget and its data set allow; NaN if the table has neither."""
    unknown = pd.Series(math.nan, table.index)
    budget = pd.to_numeric(table["budget.total"], errors="coerce") if "budget.total" in table else unknown
    pool = table["dataset"].map(POOL_SIZES) if "dataset" in table else unknown
    return pd.concat([budget.astype(float), pool.astype(float)], axis=1).min(axis=1)


def measured(results: Results, metric: Metric = ACCURACY) -> Results:
    """The results without the runs that lack the metric in a round; a problem names each of them.

    Raises:
        UserError: No run has it, though runs have others.
    """
    table = results.rounds
    if table.empty:
        return results
    if table[ACCURACY.column].notna().any():  # else there is no test set at all
        check_measured(table, metric)
    untested = table[table[metric.column].isna()].drop_duplicates("run")
    reason = f"it has no {metric.label}: the version that computed it did not measure that, or nothing decides it."
    if metric == ACCURACY:
        reason = "its accuracies are empty, because it had no test set: there is nothing to report."
    places = untested["run"]
    if "folder" in untested:
        places = untested["folder"].where(untested["folder"] != "", places)
    left_out = [Problem(Path(place), "untested", reason) for place in places]
    return Results(table[~table["run"].isin(untested["run"])], [*results.problems, *left_out])
