"""``alrun ask``: which images or texts people should label next, as a CSV file to fill in.

    alrun ask dataset=unlabeled dataset.path=photos 'dataset.classes=[cat,dog]' strategy=badge
    alrun ask pets/ dataset=unlabeled dataset.path=photos 'dataset.classes=[cat,dog]' strategy=badge
    alrun ask pets/

It takes what a run takes. It trains on the labels given so far, lets the strategy choose, and writes ask_<round>.csv
into the run's folder: first the seed set, then a batch for every round. ``alrun tell`` reads the labels from it.

A folder as the first word is a labeling project: the first ask makes it and fixes its settings, and later commands take
the folder alone. New images under dataset.path, or new texts in it, join its pool at the next round.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from hydra.types import RunMode

from alrun.annotate import project as projects
from alrun.annotate.formats import FORMATS, write_request
from alrun.annotate.project import Project
from alrun.commands import cli, console
from alrun.data.growing_pool import Changes
from alrun.runs.run_folder import display_path, is_done, latest_request, queries_file
from alrun.settings import planned_runs
from alrun.settings.fitted import sentence_on_unused
from alrun.settings.vector_pools import OPTIONS
from alrun.system import program
from alrun.system.counts import counted, is_or_are
from alrun.system.errors import SettingError
from alrun.system.safe_text import one_line

SHOWN = 10  # examples that are named
FITTED = ("budget.seed_size", "budget.batch_size", "budget.total", "training.max_epochs", "training.patience")


def main() -> None:
    """Check that labels are missing, and run as far as the known labels allow."""
    parser = console.make_parser("ask", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="[PROJECT/] setting=value", help="as for a run")
    parser.add_argument("--to", choices=FORMATS, help="also write the request as a file for an annotation tool")
    parser.add_argument(
        "--send",
        choices=("upload", "local"),
        help="with --to label-studio: to the server in LABEL_STUDIO_URL, which gets the images or has them",
    )
    console.add_config_dir(parser)
    console.add_verify(parser)
    arguments = parser.parse_intermixed_args()
    name, words = projects.split_words(arguments.overrides)
    with ExitStack() as held:
        with console.reporting_mistakes():
            project = None
            if arguments.send and arguments.to != "label-studio":
                raise SettingError(f"--send {arguments.send} needs --to label-studio.")
            if name is not None:
                project = projects.open_project(name, words, arguments.config_dir)
                held.enter_context(project.locked())
                run = prepare(project)
                sys.argv[1:] = words_of_project(project)
            elif arguments.to:
                raise SettingError(f"--to {arguments.to} needs a labeling project: alrun ask FOLDER/ ...")
            else:
                run = find_run_to_label(words, arguments.config_dir)
        cli.main()
    if is_done(run.folder):
        return
    waiting = latest_request(run.folder)
    if waiting is None:
        return
    if project is None:
        print(
            f"Next, with the labels filled in: {program.command_line(['tell', *sys.argv[1:], display_path(waiting)])}"
        )
        return
    if arguments.to:
        with console.reporting_mistakes():
            for sentence in write_request(arguments.to, project, run.folder, run.cfg.dataset, arguments.send):
                print(sentence)
    folder = display_path(project.folder)
    print(f"Next: {program.command_line(['label', folder])}")
    print(f"or, with the labels filled in: {program.command_line(['tell', folder, display_path(waiting)])}")


def words_of_project(project: Project) -> list[str]:
    """The command line of a project's run."""
    own = [] if project.config_dir is None else ["--config-dir", project.config_dir]
    return [*own, *project.overrides]


def run_of(project: Project) -> planned_runs.Planned:
    """The run of a project.

    Raises:
        UserError: Its settings are not of a run that people label.
    """
    if project.is_new and not {"dataset", "experiment"} & set(map(projects.key_of, project.words)):
        raise SettingError(
            f"{display_path(project.folder)} has asked for nothing yet, so it keeps no settings: type the whole "
            "command with dataset=unlabeled or dataset=unlabeled_text."
        )
    words = project.words if project.is_new else project.overrides  # other data sets have no manifest
    run = find_run_to_label(words, project.config_dir)
    if run.cfg.dataset.get("_target_") not in projects.LABELED:
        raise SettingError(
            "a labeling project labels the images under a folder or the texts of a table: give dataset=unlabeled or "
            "dataset=unlabeled_text."
        )
    if projects.noun_of(run.cfg.dataset) == "text" and run.cfg.encoder is None:
        raise SettingError("dataset holds texts: name a network that reads them, by encoder=sentence_transformers.")
    if run.cfg.limit is not None or run.cfg.scale.examples != 1:
        raise SettingError("a labeling project takes all of its pool: leave limit=, scale= and debug= out.")
    return run


def prepare(project: Project) -> planned_runs.Planned:
    """Bring the pool of a project up to date, unless its run is done, and fix the settings of a new one."""
    run = run_of(project)
    cfg, is_new = run.cfg, project.is_new
    if not is_new and is_done(run.folder):
        return run
    if is_new:
        project.forget_pool()
    changes = project.update_pool(0 if is_new else queries_so_far(run.folder), cfg.dataset)
    report_changes(changes, is_new, projects.noun_of(cfg.dataset))
    if not is_new:
        return run
    if unused := sentence_on_unused(cfg, project.words):
        print(f"{unused}.")
    given = {word.partition("=")[0].lstrip("+") for word in project.words}
    fitted = {key: cfg[key.partition(".")[0]][key.partition(".")[2]] for key in FITTED if key not in given}
    project.words += [f"{key}={'null' if value is None else value}" for key, value in fitted.items()]
    project.save()
    print(f"{display_path(project.folder)} is a labeling project now; its settings are fixed in {projects.NAME}.")
    return run_of(project)


def queries_so_far(folder: Path) -> int:
    """How many queries a run has made: the number of the next one."""
    from alrun.runs.query_table import read_queries

    return len(read_queries(folder)) if queries_file(folder).exists() else 0


def report_changes(changes: Changes, is_new: bool, noun: str) -> None:
    """Name the examples that joined, moved or are gone."""
    for kind, names in (
        ("joined the pool, for the next query", [] if is_new else changes.joined),
        ("gone: no longer queried, but labels stay", changes.removed),
        ("back", changes.returned),
        ("elsewhere now", changes.moved),
        ("not readable, and not in the pool", changes.unreadable),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            verb = "have" if len(names) > 1 else "has"
            word = verb if kind.startswith("joined") else is_or_are(len(names))
            print(f"{counted(len(names), noun)} {word} {kind}: {', '.join(map(one_line, names[:SHOWN]))}{more}")


def find_run_to_label(overrides: Sequence[str], config_dir: str | None) -> planned_runs.Planned:
    """The single run of a command line whose data set has no labels.

    Raises:
        UserError: It is a sweep, the classes have no names, or the data set has its labels.
    """
    for option in OPTIONS:
        if f"dataset={option}" in overrides:  # composing would fail on dataset.classes, without this advice
            raise SettingError(
                f"dataset={option} holds numbers, which nobody can look at and label: name the images or texts that "
                "they were made of, by dataset=unlabeled or dataset=unlabeled_text with dataset.path=... "
                "'dataset.classes=[...]' and, to train on vectors, encoder=...; where the files hold labels, leave out "
                "the word ask, and labeling is simulated."
            )
    runs = planned_runs.runs_of_command(console.with_config_dir(overrides, config_dir))
    if len(runs) != 1 or runs[0].cfg.hydra.mode == RunMode.MULTIRUN:
        raise SettingError("labels are asked for one run at a time: give one value for each setting.")
    dataset = runs[0].cfg.dataset
    if "classes" in dataset.keys() and not dataset.get("classes"):  # noqa: SIM118 - keys() has those without a value
        raise SettingError(
            "dataset.classes has no value: name the classes that people choose from, as 'dataset.classes=[cat,dog]'."
        )
    if not dataset.get("classes"):
        raise SettingError(
            "this data set has its labels, so there is nothing to ask: name images without labels by "
            "dataset=unlabeled dataset.path=..., and their classes by dataset.classes=[...]; without the word ask, "
            "labeling is simulated."
        )
    return runs[0]
