"""``alrun status``: how many runs are done, running, failed or waiting, and the hours left.

    alrun status
    alrun status -m strategy=random,badge seed=0,1,2
    alrun status experiment=quickstart strategy=random,badge
    alrun status outputs --runs

It reads run folders: all below a folder (by default outputs), or those of the runs of a command line. Any launcher on
any machine may compute them. A run is running if its process gave a sign of life within the last minute; it is
interrupted if it started and its process is gone. Hours are estimated from finished runs of the same setting, or from a
run's own finished rounds.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alrun.commands import console, next_step
from alrun.runs.durations import Durations, labels_of_rounds
from alrun.runs.run_folder import (
    display_path,
    find_run_folders,
    latest_request,
    other_version,
    read_failure,
    read_rows,
    reading_run_file,
    run_state,
)
from alrun.system import lock, program
from alrun.system.counts import counted
from alrun.system.errors import UserError
from alrun.system.safe_text import one_line

WORDS = {"begun": "interrupted", "missing": "waiting", "old": "of another version"}  # states of a run folder, in words
SOON = 1 / 60  # hours, below which their number says nothing
ASKS = "asks for labels"
ORDER = ("failed", "interrupted", "running", ASKS, "waiting", "of another version", "done")


@dataclass(frozen=True)
class Row:
    """A run in the table."""

    folder: Path
    state: str
    seconds: float | None  # left; None: unknown
    round: str = ""
    accuracy: str = ""
    expected: str = ""  # what the next labels bring
    since: str = ""  # start of the process that computes it
    where: str = ""  # machine and process
    reason: str = ""  # why it failed, or waits


def main() -> None:
    """Read the command line and print the status."""
    parser = console.make_parser("status", __doc__)
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="group=option|FOLDER",
        help="as for a run, or folders (default: outputs)",
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep, as for runs")
    parser.add_argument("--runs", action="store_true", help="list all runs, also those that are done or waiting")
    console.add_config_dir(parser)
    console.add_verify(parser)
    arguments = parser.parse_intermixed_args()
    sources = arguments.sources if arguments.sources or arguments.multirun else ["outputs"]
    with console.reporting_mistakes():
        print(status(sources, arguments.multirun, arguments.runs, arguments.config_dir))


def status(sources: Sequence[str], multirun: bool = False, each: bool = False, config_dir: str | None = None) -> str:
    """The status as text: a summary, a table of the runs that are neither done nor waiting, and how to go on."""
    durations = Durations()
    folders = find_run_folders(
        [*console.with_config_dir(sources, config_dir), *(["hydra.mode=MULTIRUN"] if multirun else [])]
    )
    table = sorted((status_row(folder, durations) for folder in folders), key=lambda row: ORDER.index(row.state))
    listed = table if each else [row for row in table if row.state not in ("waiting", "done")]
    typed = [*(["--config-dir", config_dir] if config_dir else []), *(["-m"] if multirun else []), *sources]
    folders_named = any("=" not in source for source in sources)
    return "\n".join([summary(table), *run_table(listed), *how_to_go_on(table, None if folders_named else typed)])


def status_row(folder: Path, durations: Durations) -> Row:
    """The row of the run in ``folder``; a run with damaged files counts as failed, and the others are still listed."""
    try:
        with reading_run_file(folder):
            return row_of_files(folder, durations)
    except UserError as error:
        return Row(folder, "failed", None, reason=str(error))


def row_of_files(folder: Path, durations: Durations) -> Row:
    """The row of a run whose files can be read."""
    now = run_state(folder)
    accuracies = read_rows(folder / "accuracy.csv")
    seconds = 0.0 if now in ("done", "old") else durations.left(folder)
    done = len(accuracies)
    progress = {
        "round": "" if now == "missing" else f"{done} of {len(labels_of_rounds(folder)) or '?'}",
        "accuracy": percent(float(accuracies[-1]["test_accuracy"])) if accuracies else "",
    }
    if accuracies and now not in ("done", "old"):
        progress["expected"] = expected_gain(folder)
    if now == "running":
        with suppress(FileNotFoundError):  # written when a process has locked the run and read its data
            progress["since"] = time.strftime("%d %b %H:%M", time.localtime((folder / "run.json").stat().st_mtime))
        progress["where"] = lock.lock_owner(folder / ".lock") or ""
    if now == "failed":
        progress["reason"] = read_failure(folder) or ""
    if now == "old":
        progress["reason"] = f"computed by {other_version(folder)}"
    if (request := latest_request(folder)) and now == "begun" and request.stem == f"ask_{done}":
        return Row(folder, ASKS, seconds, **progress | {"reason": f"label {display_path(request)}"})
    return Row(folder, WORDS.get(now, now), seconds, **progress)


def percent(accuracy: float) -> str:
    """``81.25 %``; empty where there is no test set."""
    return "" if math.isnan(accuracy) else f"{100 * accuracy:.2f} %"


def expected_gain(folder: Path) -> str:
    """What the next labels of an unfinished run bring; empty if that cannot be said."""
    from alrun.analysis import forecast
    from alrun.analysis.efficiency import read_curve

    curve = read_curve(folder)
    if forecast.reason_to_withhold(curve):
        return ""
    return forecast.in_words(curve).partition(";")[0].removeprefix("the next ")


def summary(table: Sequence[Row]) -> str:
    """The number of runs in each state, and the hours until all are done."""
    counts = Counter(row.state for row in table)
    states = ", ".join(f"{counts[state]} {state}" for state in reversed(ORDER) if counts[state])
    text = f"{counted(len(table), 'run')}: {states}."
    known = [row.seconds for row in table if row.seconds is not None]
    unknown = len(table) - len(known)
    ended = counts["done"] + counts["of another version"]
    if ended == len(table):
        return text
    if unknown == len(table) - ended:
        return f"{text} How long they take is known when a first round is done."
    total, running = sum(known) / 3600, counts["running"]
    text += f" About {total:.2g} hours of computing are left" if total >= SOON else " Less than a minute is left"
    text += f", {total / running:.2g} with {running} at a time" if running > 1 and total >= SOON else ""
    return f"{text}, without {counted(unknown, 'run')} of unknown length." if unknown else f"{text}."


def run_table(table: Sequence[Row]) -> list[str]:
    """A table of runs, after an empty line."""
    rows = [
        {
            "state": row.state,
            "rounds": row.round,
            "accuracy": row.accuracy,
            "next labels": row.expected,
            "hours left": "" if row.state == "done" or row.seconds is None else f"{row.seconds / 3600:.2f}",
            "since": row.since,
            "on": row.where,
            "run": "/".join(row.folder.parts[-2:]),
            "reason": row.reason,
        }
        for row in table
    ]
    return ["", *console.format_columns(rows)] if rows else []


def how_to_go_on(table: Sequence[Row], typed: Sequence[str] | None) -> list[str]:
    """The command that computes the missing runs; if folders were named (None), one for each failed or stopped run."""
    stopped = [row for row in table if row.state in ("failed", "interrupted")]
    if typed is not None:
        missing = stopped or any(row.state == "waiting" for row in table)
        return ["", f"To compute what is missing: {program.command_line(typed)}"] if missing else []
    commands = [f"  {line}" for row in stopped if (line := command_of(row.folder))]
    lines = ["", "To go on with those that failed or were interrupted:", *commands] if commands else []
    asking = [f"  {line}" for row in table if row.state == ASKS and (line := command_of(row.folder))]
    lines += ["", "To go on with those that ask for labels, once alrun tell has taken them:", *asking] if asking else []
    if any(row.state == "failed" and latest_request(row.folder) is None for row in table):  # else labels would be lost
        lines += ["", "Delete the folder of a failed run that you do not want: it is then no longer listed."]
    return lines


def command_of(folder: Path) -> str | None:
    """The command line of a run that has started, from Hydra's record; None if there is no record."""
    words = next_step.words_of_run(folder)
    if words is None:
        return None
    if any(word.startswith("dataset.manifest=") for word in words):  # PROJECT/runs/SETTING/RUN: it may have been moved
        words = next_step.words_of_project(Path(os.path.abspath(folder)).parents[2], folder)
    if latest_request(folder):
        words.insert(0, "ask")
    return one_line(f"{program.command_line(words)}  # {display_path(folder)}")
