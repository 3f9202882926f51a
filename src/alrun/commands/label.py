"""``alrun label``: a page in your browser to label the images or texts that a project asks for.

    alrun label pets/
    alrun label pets/ --by anna --port 8080

It serves the page on this machine alone, under an address that can be opened once; Ctrl-C ends it. Every answer is
kept at once, also if the server is killed. Keys: the digits (and letters) at the classes, n none of these, ? unsure,
s skip, ! second opinion, u undo, arrows, g grid.
"""

import webbrowser
from pathlib import Path

from alrun.annotate import project as projects
from alrun.annotate.keeping import requested
from alrun.annotate.server import LabelServer
from alrun.annotate.session import Session
from alrun.annotate.shown import shown_of
from alrun.commands import console
from alrun.commands.ask import run_of
from alrun.commands.next_step import after_labels, words_of_project
from alrun.commands.tell import check_asked
from alrun.data import own
from alrun.runs.label_files import read_labels
from alrun.runs.run_folder import display_path
from alrun.system import program
from alrun.system.errors import SettingError, first_line


def main() -> None:
    """Serve until Ctrl-C, then say what is missing."""
    parser = console.make_parser("label", __doc__)
    parser.add_argument("project", metavar="PROJECT/", help="the folder of a labeling project")
    parser.add_argument("settings", nargs="*", metavar="setting=value", help="of runtime or tracking alone")
    parser.add_argument("--by", metavar="NAME", default="", help="who answers (default: nobody in particular)")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        session = open_session(arguments.project, arguments.settings, arguments.by)
        try:
            server = LabelServer(session, arguments.port)
        except (OSError, OverflowError) as error:
            raise SettingError(
                f"--port {arguments.port} cannot be used ({first_line(error)}): leave it out."
            ) from error
        print(f"Label at {server.url}\n(the address opens once; Ctrl-C ends)", flush=True)
        if not arguments.no_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
        finally:
            server.server_close()
        queries, _ = requested(session.run_dir)
        missing = len(set(queries[-1]) - set(read_labels(session.run_dir, session.classes)))
    asked = f"{len(queries[-1])} {session.shown.kind}s of round {len(queries) - 1}"
    print(f"{len(queries[-1]) - missing} of {asked} have an answer.")
    folder = Path(arguments.project)
    if missing:
        print(f"Next: {program.command_line(['label', display_path(folder)])}")
    else:
        print(after_labels(session.run_dir, words_of_project(folder, session.run_dir)))


def open_session(name: str, words: list[str], by: str) -> Session:
    """What the page shows of the project in the folder ``name``.

    Raises:
        UserError: There is no project, or it asked for nothing yet.
    """
    project = projects.open_project(name, words)
    if project.is_new:
        raise SettingError(f"{name}: there is no labeling project: alrun ask {name} ... makes one.")
    run = run_of(project)
    check_asked(run.folder)
    dataset = run.cfg.dataset
    return Session(
        project.folder.resolve().name,
        run.folder,
        project.manifest,
        shown_of(dataset),
        own.class_names(dataset.classes),
        by,
    )
