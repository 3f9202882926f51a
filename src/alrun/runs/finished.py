"""Checks of a finished run: whether its tables and its code are still as they were."""

import json
from pathlib import Path

from alrun.runs.run_folder import (
    LATER,
    PER_GROUP,
    display_path,
    has_checkpoint,
    latest_request,
    read_record,
    reading_run_file,
    results_of,
)
from alrun.system import files
from alrun.system.errors import StorageError


def seal_results(run_dir: Path) -> None:
    """Mark the run as done, with the hashes of its results, which survive a power cut from now on."""
    names = [*results_of(run_dir), *LATER, *([PER_GROUP] if (run_dir / PER_GROUP).exists() else [])]
    files.sync(*(run_dir / name for name in names))
    files.write_text(run_dir / "done", json.dumps({name: files.sha256(run_dir / name) for name in names}) + "\n")


def altered_results(run_dir: Path) -> list[str]:
    """Names of results that have changed since the run ended."""
    with reading_run_file(run_dir / "done"):
        text = (run_dir / "done").read_text()
    try:
        sealed = dict(json.loads(text))
    except (ValueError, TypeError):
        return []  # alrun 0.1.0 kept no hashes
    found = []
    for name, known in sealed.items():
        try:
            found += [name] if files.sha256(run_dir / name) != known else []
        except OSError:  # something else is in its place
            found.append(name)
    return found


def changed_code(run_dir: Path, code: dict[str, str]) -> list[str]:
    """Files of the user's own ``code`` (hashes by name) that changed since the run was last started or resumed."""
    known = read_record(run_dir).get("code", {})
    return [name for name, now in code.items() if known.get(name, now) != now]


def restore_tables(run_dir: Path) -> None:
    """Write the tables of a finished run again, from its checkpoint."""
    from alrun.runs.round_record import ACCURACY_COLUMNS, ANSWERS
    from alrun.runs.state import RunState  # and with it torch

    if not has_checkpoint(run_dir):  # runs that were copied have only their tables
        return
    state = RunState.load(run_dir)
    state.write_views(run_dir)
    if "accuracy.csv" in altered_results(run_dir):  # sealed by alrun 0.4 or before, which did not count answers
        columns = [column for column in ACCURACY_COLUMNS if column not in ANSWERS]
        files.write_csv(run_dir / "accuracy.csv", columns, [record.row for record in state.rounds], lasts=False)


def doubts_about_run(run_dir: Path, code: dict[str, str]) -> list[str]:
    """Sentences on what has changed since the run in ``run_dir`` ended; altered tables are restored first.

    ``code`` holds the hashes of the user's own code as it is now (alrun.runs.own_code).

    Raises:
        UserError: An altered table cannot be restored.
    """
    found = []
    if names := altered_results(run_dir):
        restore_tables(run_dir)
        if lost := altered_results(run_dir):
            way = "move the folder away" if latest_request(run_dir) is None else "delete the file done in it"
            raise StorageError(
                f"{', '.join(lost)} in {display_path(run_dir)} changed since the run ended and cannot be restored: "
                f"{way} to compute the run again."
            )
        found.append(
            f"{', '.join(names)} in {display_path(run_dir)} had been changed since the run ended and was restored."
        )
    for name, round in read_record(run_dir).get("code_changed", {}).items():
        found.append(
            f"{name} was changed after round {round} of {display_path(run_dir)}: "
            "two versions of it computed the rounds."
        )
    for name in changed_code(run_dir, code):
        found.append(
            f"{name} has changed since {display_path(run_dir)} was computed: its results are those of the old code. "
            "Delete done and *.pt in it to compute them again."
        )
    return found
