"""What a command is asked to report: an experiment, run folders, folders of them, patterns, or tables of results."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import rounds
from alrun.analysis.rounds import Problem, Results
from alrun.run_folder import named


def load(sources: Sequence[str]) -> Results:
    """The table of all ``sources``, in their order; a run that comes twice counts once.

    Raises:
        UserError: A source is nothing of the kind.
    """
    paths = [Path(source) for source in sources if rounds.is_table(Path(source))]
    tables = [rounds.read(path) for path in paths]
    gathered = rounds.gather(named([source for source in sources if not rounds.is_table(Path(source))]))
    parts, seen = [], set()
    for table in (gathered.rounds, *tables):
        new = table[~table["run"].isin(seen)]
        seen |= set(new["run"])
        parts += [new] if len(new) else []
    table = rounds.arrange(pd.concat(parts, ignore_index=True)) if parts else gathered.rounds
    return Results(table, gathered.problems)


def with_test_set(results: Results) -> Results:
    """Without the runs whose accuracy was not measured, for want of labeled test images; they are named."""
    table = results.rounds
    if table.empty:
        return results
    untested = table.loc[table["test_accuracy"].isna(), "folder"].unique()
    reason = "it has no test set, so there is no accuracy to report."
    left_out = [Problem(Path(folder), "untested", reason) for folder in untested]
    return Results(table[~table["folder"].isin(untested)], [*results.problems, *left_out])
