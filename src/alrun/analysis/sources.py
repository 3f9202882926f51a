"""What a command is asked to report: an experiment, run folders, folders of them, patterns, or tables of results."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import rounds
from alrun.analysis.rounds import Problem, Results
from alrun.errors import UserError


def load(sources: Sequence[str]) -> Results:
    """The table of all ``sources``, in their order; a run that comes twice counts once.

    Raises:
        UserError: A source is nothing of the kind.
    """
    overrides = [source for source in sources if "=" in source and not os.path.exists(source)]
    paths = [source for source in sources if source not in overrides]
    tables = [rounds.read(Path(source)) for source in paths if rounds.is_table(Path(source))]
    folders = [folder for source in paths if not rounds.is_table(Path(source)) for folder in run_folders(source)]
    folders += asked_for(overrides) if overrides else []
    gathered = rounds.gather(folders)
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
    untested = table.loc[table["test_accuracy"].isna(), "folder"].unique()
    reason = "it has no test set, so there is no accuracy to report."
    named = [Problem(Path(folder), "untested", reason) for folder in untested]
    return Results(table[~table["folder"].isin(untested)], [*results.problems, *named])


def asked_for(overrides: Sequence[str]) -> list[Path]:
    """The folders of the runs that ``python -m alrun <overrides>`` would compute, several experiments by commas."""
    from alrun import grid

    rest = [override for override in overrides if not override.startswith("experiment=")]
    commands = [[f"experiment={name}", *rest] for name in experiments(overrides)] or [rest]
    return list(dict.fromkeys(run.folder for command in commands for run in grid.of_command(command)))


def experiments(sources: Sequence[str]) -> list[str]:
    """The names of the experiments that are asked for."""
    given = [source.partition("=")[2] for source in sources if source.startswith("experiment=")]
    return [name for name in ",".join(given).split(",") if name]


def run_folders(source: str) -> list[Path]:
    """The run folders that ``source`` names: one, all below a folder, or all that a pattern matches.

    Raises:
        UserError: There is none.
    """
    paths = [Path(source)] if os.path.exists(source) else [Path(match) for match in sorted(glob.glob(source))]
    found = [folder for path in paths for folder in below(path)]
    if not found:
        what = "holds no run" if paths else "does not exist"
        raise UserError(f"{source} {what}: give run folders, a folder of them such as outputs, or a table of results.")
    return found


def below(folder: Path) -> Iterator[Path]:
    """The run folders in ``folder``, by name; ``folder`` itself if it is one."""
    for path, names, files in os.walk(folder):
        if ".hydra" in names or "run.json" in files:
            names.clear()  # a run holds no runs
            yield Path(path)
        names.sort()
