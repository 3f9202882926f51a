"""What a finished run must still prove: that its tables are as they were written, and its code as it was."""

import hashlib
import json
from pathlib import Path

from alrun.runs.run_folder import RESULTS, has_checkpoint, reading, record, shown
from alrun.system import files
from alrun.system.errors import StorageError


def seal(run_dir: Path) -> None:
    """Leave the mark that the run is done, with the hashes of its results, which last from now on."""
    files.sync(*(run_dir / name for name in RESULTS))
    files.write_text(run_dir / "done", json.dumps({name: sha256(run_dir / name) for name in RESULTS}) + "\n")


def altered(run_dir: Path) -> list[str]:
    """Results of a finished run that are not as they were when it ended."""
    with reading(run_dir / "done"):
        text = (run_dir / "done").read_text()
    try:
        sealed = dict(json.loads(text))
    except (ValueError, TypeError):
        return []  # alrun 0.1.0 kept no hashes
    found = []
    for name, known in sealed.items():
        try:
            found += [name] if sha256(run_dir / name) != known else []
        except OSError:  # something else is in its place
            found.append(name)
    return found


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed_code(run_dir: Path, code: dict[str, str]) -> list[str]:
    """Files of a user's own ``code`` (hashes) that are not as they were when the run last began or went on."""
    known = record(run_dir).get("code", {})
    return [name for name, now in code.items() if known.get(name, now) != now]


def restore(run_dir: Path) -> None:
    """Write the tables of a finished run anew from its checkpoint."""
    from alrun.runs.state import RunState  # and with it torch

    if has_checkpoint(run_dir):  # runs that were copied have their tables alone
        RunState.load(run_dir).write_views(run_dir)


def doubts(run_dir: Path, code: dict[str, str]) -> list[str]:
    """Sentences on what has changed since the run in ``run_dir`` ended; altered tables are written anew first.

    ``code`` holds the hashes of the user's own code as it is now (alrun.runs.own_code).

    Raises:
        UserError: Something was altered that cannot be written anew.
    """
    found = []
    if names := altered(run_dir):
        restore(run_dir)
        if lost := altered(run_dir):
            raise StorageError(
                f"{', '.join(lost)} in {shown(run_dir)} changed since the run ended and cannot be restored: move the "
                "folder away to compute the run anew."
            )
        found.append(f"{', '.join(names)} in {shown(run_dir)} had been changed since the run ended and was restored.")
    for name, round in record(run_dir).get("code_changed", {}).items():
        found.append(f"{name} was changed after round {round} of {shown(run_dir)}: its rounds come of two codes.")
    for name in changed_code(run_dir, code):
        found.append(
            f"{name} has changed since {shown(run_dir)} was computed: its results are those of the old code. Delete "
            "the folder to compute them anew."
        )
    return found
