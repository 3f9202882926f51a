"""A run's folder as a reader of results sees it: where it is, whether it is finished or failed, damaged files."""

import csv
import glob
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from alrun.runs import schema
from alrun.settings.revisions import current_revision
from alrun.system import lock
from alrun.system.errors import DataError, SettingError, StorageError, UserError, first_line
from alrun.system.safe_text import one_line

log = logging.getLogger(__name__)

QUERIES, LARGE_QUERIES = "queries.csv", "queries.parquet"  # the second instead of the first: see query_table.py
RESULTS = ("accuracy.csv", "timing.csv", "per_class.csv", QUERIES, "run.json")
MEASURES, STOPPING = LATER = ("measures.csv", "stopping.csv")  # earlier versions wrote neither: a run may lack them
PER_GROUP = "per_group.csv"  # where test examples have groups
BEGUN = (".hydra", "run.log", "accuracy.csv", "run.json", "done")  # any of them: the run was started
UNCOMPUTED = {".hydra", "run.log", "failed.txt", ".lock", ".lock.lease"}  # there before anything is computed


def check_name(run_dir: Path, seed: int) -> None:
    """Refuse a folder whose name is not that of a run: <strategy>-<hash>-seed<seed>."""
    if not re.fullmatch(f".+-.+-seed{seed}", run_dir.name):
        raise SettingError(
            f"hydra.run.dir={run_dir}: runs name their folders themselves, for results to be found and compared; "
            "leave it out, and set paths.outputs."
        )


def check_other_data(run_dir: Path) -> None:
    """Warn of a run with the same settings on data with other content: it stays, and this one starts over.

    Raises:
        UserError: People have labeled the other data, and would have to label it again.
    """
    setting = re.fullmatch(r"(.+)-[0-9a-f]{8}-(.+-[0-9a-f]{8})", run_dir.parent.name)
    if setting is None or run_dir.exists():
        return
    pattern = f"{glob.escape(setting[1])}-????????-{glob.escape(setting[2])}/{glob.escape(run_dir.name)}"
    for other in sorted(run_dir.parent.parent.glob(pattern)):
        if (other / "labels.csv").exists() or (other / "answers.jsonl").exists():
            raise DataError(
                f"the files of the data set have changed since labels were given in {display_path(other)}: restore "
                "them to continue there, or move that folder away to start over."
            )
        log.warning(
            "the files of the data set have changed since %s was computed: this is a new run", display_path(other)
        )


def is_done(run_dir: Path) -> bool:
    """Whether all rounds are computed and all results are there; a deleted result is written again."""
    return all((run_dir / name).exists() for name in ("done", *results_of(run_dir)))


def results_of(run_dir: Path) -> tuple[str, ...]:
    """Names of the results that a run has when it is done."""
    return tuple(queries_file(run_dir).name if name == QUERIES else name for name in RESULTS)


def queries_file(run_dir: Path) -> Path:
    """The table of the run's queries, whether it is there or not."""
    large = run_dir / LARGE_QUERIES
    return large if large.exists() else run_dir / QUERIES


def latest_request(run_dir: Path) -> Path | None:
    """The newest ask_<round>.csv, a request for labels by people; None if they were asked for none."""
    return max(run_dir.glob("ask_*.csv"), key=lambda path: int(path.stem.partition("_")[2]), default=None)


def read_failure(run_dir: Path) -> str | None:
    """Why the last attempt at a run failed (failed.txt, which the next attempt removes); None if it did not."""
    try:
        return one_line((run_dir / "failed.txt").read_text(errors="replace").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return f"{run_dir / 'failed.txt'} cannot be read ({first_line(error)}): delete it."


def read_record(run_dir: Path) -> dict[str, Any]:
    """The content of run.json; empty if it cannot be read."""
    with suppress(OSError, ValueError):
        content = json.loads((run_dir / "run.json").read_text())
        return content if isinstance(content, dict) else {}
    return {}


def other_version(run_dir: Path) -> str | None:
    """The version that computed the run, in words, if its results differ from those of this version; otherwise None."""
    about = read_record(run_dir)
    if not about:
        return None
    if (found := schema.version_of(about)) > schema.SCHEMA_VERSION:
        return f"a later alrun ({schema.KEY} {found}; this one reads up to {schema.SCHEMA_VERSION}, so update it)"
    if "revisions" not in about:
        return f"alrun {about.get('versions', {}).get('alrun', '0.1.0')}"
    others = [
        f"{name} {number} (now {current_revision(name)})"
        for name, number in about["revisions"].items()
        if number != current_revision(name)
    ]
    return f"other revisions: {', '.join(others)}" if others else None


State = Literal["done", "old", "running", "failed", "begun", "missing"]
SILENCE = 60  # seconds after its last sign of life until a run counts as stopped: alrun.system.lock gives one every 15


def run_state(run_dir: Path) -> State:
    """How far a run is, by its folder alone, on any machine that sees the folder."""
    if is_done(run_dir):
        return "old" if other_version(run_dir) else "done"
    with suppress(FileNotFoundError):
        is_fresh = time.time() - (run_dir / ".lock.lease").stat().st_mtime < SILENCE
        if is_fresh and not lock.is_abandoned(run_dir / ".lock"):
            return "running"
    if (run_dir / "failed.txt").exists():
        return "failed"
    has_begun = has_checkpoint(run_dir) or any((run_dir / name).exists() for name in BEGUN)
    return "begun" if has_begun else "missing"


def remove_refused_run(run_dir: Path) -> None:
    """Remove the folder of a run that was refused before anything was computed, and its setting's if it is then empty.

    Nothing happens if the run has results or another process computes it.
    """
    own = lock.Lock(run_dir / ".lock")
    if not run_dir.is_dir() or not set(os.listdir(run_dir)) <= UNCOMPUTED or not own.acquire(wait=False):
        return
    try:
        if set(os.listdir(run_dir)) <= UNCOMPUTED:
            shutil.rmtree(run_dir, ignore_errors=True)
    finally:
        own.release()
    with suppress(OSError):  # other runs are there
        run_dir.parent.rmdir()


def has_checkpoint(run_dir: Path) -> bool:
    """Whether the run has a checkpoint, of this version (state-7.pt) or of the first (state.pt)."""
    return any(run_dir.glob("state-*.pt")) or (run_dir / "state.pt").exists()


def display_path(path: Path) -> str:
    """``path`` as a user would type it here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)


def find_run_folders(sources: Sequence[str]) -> list[Path]:
    """The run folders of ``sources``, which are overrides of a command line or folders.

    Raises:
        UserError: A source is neither.
    """
    overrides = [source for source in sources if "=" in source and not os.path.exists(source)]
    # A shell's runs/* finds the record of a sweep among its runs.
    named = [source for source in sources if source not in overrides and Path(source).name != "multirun.yaml"]
    found = [folder for source in named for folder in run_folders(source)]
    if overrides:
        from alrun.settings import planned_runs  # and with it Hydra

        found += [run.folder for run in planned_runs.runs_of_commands(overrides)]
    return list(dict.fromkeys(found))


def run_folders(source: str) -> list[Path]:
    """The run folders that ``source`` names: one, all below a folder, or all that a pattern matches.

    Raises:
        UserError: There is none.
    """
    paths = [Path(source)] if os.path.exists(source) else [Path(match) for match in sorted(glob.glob(source))]
    if len(paths) == 1 and paths[0].is_file():
        raise StorageError(f"{source} is a file: give run folders, or a folder of them such as outputs.")
    found = [folder for path in paths for folder in run_folders_below(path)]
    if not found:
        what = "holds no run" if paths else "does not exist"
        raise StorageError(f"{source} {what}: give run folders, or a folder of them such as outputs.")
    return found


def run_folders_below(folder: Path) -> Iterator[Path]:
    """The run folders in ``folder``, by name; ``folder`` itself if it is one."""
    for path, names, files in os.walk(folder):
        if ".hydra" in names or "run.json" in files:
            names.clear()  # a run holds no runs
            yield Path(path)
        names.sort()


@contextmanager
def reading_run_file(path: Path) -> Iterator[None]:
    """Turn an error about the content of ``path`` into a UserError."""
    try:
        yield
    except (FileNotFoundError, UserError):  # the latter has said what is wrong
        raise
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read ({error.strerror or error}): remove what is there, and the run's command writes "
            "it again."
        ) from error
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        reason = first_line(error)
        raise StorageError(
            f"{path} is damaged ({reason}): delete it, and the run's command writes it again."
        ) from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV; none if there is no file.

    Raises:
        UserError: It is not text, or something else is in its place.
    """
    with reading_run_file(path), suppress(FileNotFoundError), path.open(newline="") as file:
        return list(csv.DictReader(file))
    return []
