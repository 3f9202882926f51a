"""What a command is asked to report: run folders, folders of them, patterns, or tables written earlier."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from alrun.analysis import rounds
from alrun.analysis.rounds import Results
from alrun.errors import UserError


def load(sources: Sequence[str]) -> Results:
    """The table of all ``sources``, in their order; a run that comes twice counts once.

    Raises:
        UserError: A source is nothing of the kind.
    """
    tables = [rounds.read(Path(source)) for source in sources if source.endswith(".csv")]
    folders = [folder for source in sources if not source.endswith(".csv") for folder in run_folders(source)]
    gathered = rounds.gather(folders)
    parts, seen = [], set()
    for table in (gathered.rounds, *tables):
        new = table[~table["run"].isin(seen)]
        seen |= set(new["run"])
        parts += [new] if len(new) else []
    table = rounds.arrange(pd.concat(parts, ignore_index=True)) if parts else gathered.rounds
    return Results(table, gathered.problems)


def run_folders(source: str) -> list[Path]:
    """The run folders that ``source`` names: one, all below a folder, or all that a pattern matches.

    Raises:
        UserError: There is none.
    """
    paths = [Path(source)] if os.path.exists(source) else [Path(match) for match in sorted(glob.glob(source))]
    found = [folder for path in paths for folder in below(path)]
    if not found:
        what = "holds no run" if paths else "does not exist"
        raise UserError(f"{source} {what}: give run folders, a folder of them such as outputs, or a table in .csv.")
    return found


def below(folder: Path) -> Iterator[Path]:
    """The run folders in ``folder``, by name; ``folder`` itself if it is one."""
    for path, names, files in os.walk(folder):
        if ".hydra" in names or "run.json" in files:
            names.clear()  # a run holds no runs
            yield Path(path)
        names.sort()
