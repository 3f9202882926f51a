"""``alrun tell``: reads the labels that ``alrun ask`` asked for from a CSV file.

    alrun tell dataset=unlabeled dataset.path=photos 'dataset.classes=[cat,dog]' strategy=badge labels.csv

It takes the words of ``alrun ask``, and last a CSV file with columns index and label, or file and label. It keeps the
good lines and refuses the others, each with a reason; correct them and give it the same file again. The exit status is
1 if a line was refused.
"""

import sys
from pathlib import Path

from alrun.commands import console
from alrun.commands.ask import find_run_to_label
from alrun.data import own
from alrun.runs.run_folder import display_path
from alrun.system import program
from alrun.system.errors import SettingError
from alrun.system.safe_text import one_line

SHOWN = 20  # mistakes that are printed


def main() -> None:
    """Keep the labels, and print what to type next; exit with status 1 if a line was refused."""
    parser = console.make_parser("tell", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="setting=value", help="as for alrun ask")
    parser.add_argument("labels", type=Path, help="CSV with columns index and label, or file and label")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    if "=" in arguments.labels.name and not arguments.labels.exists():
        sys.exit("alrun: the file with the labels is missing: give it as the last word of the command.")
    with console.reporting_mistakes():
        run = find_run_to_label(arguments.overrides, arguments.config_dir)
        refused = keep_labels(run.folder, own.class_names(run.cfg.dataset.classes), arguments.labels)
    words = [word for word in sys.argv[1:] if Path(word) != arguments.labels]
    if refused:
        print("Correct the refused lines and type the same command again: every label that is asked for is needed.")
    print(f"Next: {program.command_line(['ask', *words])}")
    sys.exit(bool(refused))


def keep_labels(run_dir: Path, classes: list[str], path: Path) -> list[str]:
    """Keep the labels in ``path`` in the run's folder, print their number, and return the lines that are refused.

    Raises:
        UserError: No labels were asked for yet, the run is being computed, or the file cannot be read.
    """
    from alrun.runs.labeling import add_labels, read_labels
    from alrun.runs.portable import read_queries
    from alrun.system.lock import Lock

    if not (run_dir / "queries.csv").exists():
        raise SettingError(f"{display_path(run_dir)} has asked for no labels yet: type alrun ask with these settings.")
    lock = Lock(run_dir / ".lock")
    if not lock.acquire(wait=False):
        raise SettingError(
            f"{display_path(run_dir)} is being computed by another process: try again when that process has ended."
        )
    try:
        asked_for = [int(index) for query in read_queries(run_dir / "queries.csv").values() for index in query]
        taken, mistakes = add_labels(run_dir, classes, asked_for, path)
        missing = len(asked_for) - len(read_labels(run_dir, classes))
    finally:
        lock.release()
    print(f"{taken} new labels are kept, {len(mistakes)} lines refused; {missing} labels are still missing.")
    print(*(one_line(f"  {path}, {mistake}") for mistake in mistakes[:SHOWN]), sep="\n", end="\n" if mistakes else "")
    if len(mistakes) > SHOWN:
        print(f"  and {len(mistakes) - SHOWN} more")
    return mistakes
