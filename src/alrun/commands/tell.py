"""``alrun tell``: reads the labels that ``alrun ask`` asked for from a file.

    alrun tell dataset=unlabeled dataset.path=photos 'dataset.classes=[cat,dog]' strategy=badge labels.csv
    alrun tell pets/ labels.csv --by anna
    alrun tell pets/ export.json --from label-studio
    alrun tell pets/ --from label-studio

It takes the words of ``alrun ask``, and last a CSV file with columns index and label, or file and label. It keeps the
good lines and refuses the others, each with a reason; correct them and give it the same file again. The exit status is
1 if a line was refused. A label may also be skip (somebody else, or later) or unsure.

Of a labeling project it takes the folder; without a file, the list of the last ask, or the answers on the server of
Label Studio in LABEL_STUDIO_URL. Answers of several people (--by) are all kept; the label is what most of them say, or
else what was said last.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from alrun.annotate import project as projects
from alrun.annotate.formats import FORMATS, fetch_answers, read_answers_of
from alrun.annotate.keeping import Kept, keep_answers
from alrun.commands import console, next_step
from alrun.commands.ask import find_run_to_label, run_of
from alrun.data import own
from alrun.runs.run_folder import display_path, latest_request, queries_file
from alrun.system import program
from alrun.system.counts import counted, is_or_are
from alrun.system.errors import SettingError
from alrun.system.safe_text import one_line

SHOWN = 20  # mistakes that are printed


def main() -> None:
    """Keep the labels, and print what to type next; exit with status 1 if a line was refused."""
    parser = console.make_parser("tell", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="[PROJECT/] setting=value", help="as for alrun ask")
    parser.add_argument("labels", type=Path, help="CSV with columns index and label, or file and label")
    parser.add_argument("--from", dest="source", choices=FORMATS, help="the tool that wrote the file (default: csv)")
    parser.add_argument("--by", metavar="NAME", help="who gave the labels (default: nobody in particular)")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    path: Path = arguments.labels
    name, words = projects.split_words([*arguments.overrides, *([str(path)] if path.is_dir() else [])])
    if name is not None:
        with console.reporting_mistakes():
            kept = tell_project(name, words, None if path.is_dir() else path, arguments.source, arguments.by)
        sys.exit(bool(kept.refused))
    if "=" in path.name and not path.exists():
        sys.exit("alrun: the file with the labels is missing: give it as the last word of the command.")
    with console.reporting_mistakes():
        if arguments.source or arguments.by is not None:
            raise SettingError("--from and --by need a labeling project: alrun tell FOLDER/ FILE.")
        run = find_run_to_label(arguments.overrides, arguments.config_dir)
        refused = keep_labels(run.folder, own.class_names(run.cfg.dataset.classes), path)
    typed = [word for word in sys.argv[1:] if Path(word) != path]
    if refused:
        print("Correct the refused lines and type the same command again: every label that is asked for is needed.")
    print(next_step.after_labels(run.folder, typed))
    sys.exit(bool(refused))


def tell_project(name: str, words: Sequence[str], path: Path | None, source: str | None, by: str | None) -> Kept:
    """Keep the answers of a file, or of the last request, in a project, and print what became of them."""
    project = projects.open_project(name, words)
    if project.is_new:
        raise SettingError(f"{name}: there is no labeling project: alrun ask {name} ... makes one.")
    run = run_of(project)
    check_asked(run.folder)
    classes = own.class_names(run.cfg.dataset.classes)
    file = path or latest_request(run.folder)
    if file is None or (path is None and source == "cvat"):
        raise SettingError(f"{name}: name the file with the labels, as the last word.")
    if path is None and source == "label-studio":
        found, place = fetch_answers(project), "Label Studio"
    else:
        found, place = read_answers_of(source or "csv", file, run.folder, classes, by), display_path(file)
    kept = keep_answers(run.folder, classes, found)
    print(kept.sentence())
    show_mistakes([f"{place}, {mistake}" for mistake in kept.refused])
    if kept.refused:
        print("Correct what is refused and type the same command again: what is already known is skipped.")
    if kept.missing:
        print(f"Next: {program.command_line(['label', display_path(project.folder)])}")
    else:
        print(next_step.after_labels(run.folder, next_step.words_of_project(project.folder, run.folder)))
    return kept


def check_asked(run_dir: Path) -> None:
    """Refuse labels before the first request.

    Raises:
        UserError: Nothing was asked for.
    """
    if not queries_file(run_dir).exists():
        raise SettingError(f"{display_path(run_dir)} has asked for no labels yet: type alrun ask with these settings.")


def keep_labels(run_dir: Path, classes: list[str], path: Path) -> list[str]:
    """Keep the labels in ``path`` in the run's folder, print their number, and return the lines that are refused.

    Raises:
        UserError: No labels were asked for yet, the run is being computed, or the file cannot be read.
    """
    from alrun.runs.label_files import add_labels, read_labels
    from alrun.runs.query_table import read_queries
    from alrun.system.lock import Lock

    check_asked(run_dir)
    lock = Lock(run_dir / ".lock")
    if not lock.acquire(wait=False):
        raise SettingError(
            f"{display_path(run_dir)} is being computed by another process: try again when that process has ended."
        )
    try:
        asked_for = [index for query in read_queries(run_dir).values() for index in query.tolist()]
        taken, mistakes = add_labels(run_dir, classes, asked_for, path)
        missing = len(asked_for) - len(read_labels(run_dir, classes))
    finally:
        lock.release()
    print(
        f"{counted(taken, 'new label')} {is_or_are(taken)} kept, {counted(len(mistakes), 'line')} refused; "
        f"{counted(missing, 'label')} {is_or_are(missing)} still missing."
    )
    show_mistakes([f"{path}, {mistake}" for mistake in mistakes])
    return mistakes


def show_mistakes(mistakes: Sequence[str]) -> None:
    """Print the first of many mistakes."""
    for mistake in mistakes[:SHOWN]:
        print(one_line(f"  {mistake}"))
    if len(mistakes) > SHOWN:
        print(f"  and {len(mistakes) - SHOWN} more")
