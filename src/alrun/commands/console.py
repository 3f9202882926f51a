"""What the commands share: a parser made from their docstring, ``--config-dir``, sources of results, user mistakes."""

import argparse
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.utils import get_args_parser

from alrun.analysis import metrics
from alrun.data import content
from alrun.settings import targets
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system import early
from alrun.system.counts import counted, is_or_are
from alrun.system.errors import SettingError, ask_for_report
from alrun.system.program import as_typed, typed_program
from alrun.system.safe_text import one_line

if TYPE_CHECKING:  # commands start without pandas
    from alrun.analysis.rounds import Problem

SOURCES = (
    "an experiment, as for alrun (experiment=baseline/cifar10 scale=small), run folders, folders of them (outputs, "
    "outputs/runs/<setting>), patterns in quotes, or tables written by alrun results (.csv or a folder); default: "
    "outputs"
)


def make_parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    """The parser of ``alrun <name>``; its description is the module's ``documentation`` after the name."""
    about = (documentation or "").partition(": ")[2]
    return argparse.ArgumentParser(
        prog=f"{typed_program()} {name}",
        description=as_typed(about[:1].upper() + about[1:].replace("``", "")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--config-dir``, which names the folder of the user's own options."""
    parser.add_argument("--config-dir", metavar="FOLDER", help="of your own options, as for alrun")


def own_folder(config_dir: str) -> Path:
    """The folder that ``--config-dir`` names.

    Raises:
        UserError: There is no such folder.
    """
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise SettingError(f"--config-dir {config_dir} must be a folder: name the one with your own options.")
    return folder


def with_config_dir(words: Sequence[str], config_dir: str | None) -> list[str]:
    """The overrides, and one more that does what ``--config-dir`` does; a list of folders stays as it is.

    Raises:
        UserError: There is no such folder.
    """
    if config_dir is None or (words and not any("=" in word for word in words)):
        return [*words]
    quoted = str(own_folder(config_dir)).replace("'", "\\'")
    return [*words, f"hydra.searchpath=['file://{quoted}']"]


def add_sources(parser: argparse.ArgumentParser, which: str = SOURCES) -> None:
    """Add the arguments of commands that read results, and say ``which`` these are."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", default=["outputs"], help=which)
    add_config_dir(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add what results are read by, which changes no run."""
    parser.add_argument(
        "--metric",
        metavar="NAME",
        default="accuracy",
        help=f"what results are read by: {', '.join(metrics.METRICS)} (default: accuracy)",
    )
    parser.add_argument(
        "--by",
        metavar="NAME",
        default="answers",
        help="against what: answers that were paid for, which are labels unless annotators answer otherwise, or spent, "
        "their cost (default: answers)",
    )


def take_reading(arguments: argparse.Namespace) -> metrics.Reading:
    """The chosen reading; ``metric=`` and ``by=`` among the sources mean ``--metric`` and ``--by``.

    Raises:
        UserError: There is no such metric or axis.
    """
    for name in ("metric", "by"):
        for word in [word for word in arguments.sources if word.startswith(f"{name}=")]:
            arguments.sources.remove(word)
            setattr(arguments, name, word.partition("=")[2])
    arguments.sources = arguments.sources or ["outputs"]
    return metrics.reading(arguments.metric, arguments.by)


@contextmanager
def refusing_exits() -> Iterator[None]:
    """Turn sys.exit in a part of a run into an error: what ends so is not done, whatever status it would give."""
    try:
        yield
    except SystemExit as error:
        raise SettingError(
            f"this was left by sys.exit({error.code if error.code is not None else ''}) in a part of the run: "
            "raise an error there instead."
        ) from error


def run_on_sources(sources: argparse.ArgumentParser, command: Callable[[argparse.Namespace], None]) -> None:
    """Call ``command``, which reads results, with the arguments of the command line."""
    chosen = sources.parse_intermixed_args()
    with reporting_mistakes():
        chosen.sources = with_config_dir(chosen.sources, chosen.config_dir)
        command(chosen)


def format_columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """``rows`` as lines of text under a line of column names; empty columns are left out."""
    # The files may come from a stranger: no text may end a line or control the terminal.
    cells = [{name: one_line(str(value)) for name, value in row.items()} for row in rows]
    widths = {name: max(len(row[name]) for row in [{name: name}, *cells]) for name in (cells[0] if cells else {})}
    kept = [name for name in widths if any(row[name] for row in cells)]
    lines = [{name: name for name in kept}, *cells] if cells else []
    return ["  ".join(line[name].ljust(widths[name]) for name in kept).rstrip() for line in lines]


def print_problems(problems: Sequence["Problem"]) -> None:
    """Print the runs that are left out, with the reasons; a reason may be that of several runs."""
    if problems:
        count = sum(problem.runs for problem in problems)
        print(f"\nLeft out {is_or_are(count)} {counted(count, 'run')}:")
        print(*(f"  {problem}" for problem in problems), sep="\n")


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Add ``--verify``, which reads the files of data sets and weights again even if they look unchanged."""
    what = "read the files of data and weights again, whatever their size and time of change say"
    parser.add_argument("--verify", action=Verify, nargs=0, help=what)


class Verify(argparse.Action):
    """``--verify``."""

    def __call__(self, *_: Any) -> None:
        """Switch verification on."""
        content.verify = True


def without_verify(words: Sequence[str]) -> list[str]:
    """The words without ``--verify``, which Hydra does not know; it is obeyed here."""
    if "--verify" in words:
        content.verify = True
    return [word for word in words if word != "--verify"]


def put_options_first(words: Sequence[str]) -> list[str]:
    """Options first, then overrides: Hydra wants overrides together, people type ``-m`` and ``--cfg job`` anywhere."""
    options, overrides, rest = [], [], deque(words)
    known = get_args_parser()._option_string_actions
    while rest:
        word = rest.popleft()
        if not word.startswith("-"):
            overrides.append(word)
            continue
        options.append(word)
        action = next((known[name] for name in (word, *known) if name in known and name.startswith(word)), None)
        if action is None or action.nargs == 0:
            continue
        if action.nargs is None and rest:  # a value follows
            options.append(rest.popleft())
        elif action.nargs == "?":  # a value may follow
            options.append(rest.popleft() if rest and rest[0] in (action.choices or ()) else "all")
    return [*options, *overrides]


def prepare() -> None:
    """Set what is read only once, before anything is composed or imported; only programs call this.

    These are the user's list of modules, the data folder, and how torch's CPU threads wait: they spin for a moment,
    then sleep. By default GNU OpenMP spins so long that any other busy process slows training by an order of magnitude.
    """
    targets.allow_typed(sys.argv[1:])
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    for name in ("ALRUN_DATA", "ALRUN_FEATURES"):
        if path := os.environ.get(name):
            os.environ[name] = os.path.expanduser(path)  # a shell leaves ~ in quotes as it is, and so does a file


@contextmanager
def reporting_mistakes(interrupted: str = "Interrupted.") -> Iterator[None]:
    """Turn what ends a command into what its user should see.

    A user's mistake becomes one sentence and exit status 1. Ctrl-C becomes the sentence ``interrupted`` and status 130.
    Any other error keeps its traceback, followed by a request to report it.
    """
    prepare()
    early.restore_ctrl_c()
    try:
        yield
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        message = mistake_sentence(error)
        if message is None:
            ask_for_report(error)
            raise
        sys.exit(f"alrun: {message}")
