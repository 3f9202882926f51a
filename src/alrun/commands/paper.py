"""``alrun paper``: computes the runs of a figure or table of the paper, and draws ours beside the paper's.

    alrun paper figure-4 scale=small
    alrun paper table-12 --draw
    alrun paper redundancy/duplicate strategy=badge seed=0
    alrun paper index

Names are figure-1 to figure-15, table-1 to table-13, claims (of Appendix G), times (in the paper's text), index (which
runs are done), figures (all of these), an experiment such as redundancy/duplicate, or all (every experiment). --draw
computes nothing: it draws the runs that are done.
"""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import alrun
from alrun.commands import cli, console
from alrun.runs.run_folder import is_done
from alrun.settings import planned_runs
from alrun.system import interruption
from alrun.system.errors import SettingError
from alrun.system.words import closest

if TYPE_CHECKING:
    from alrun.analysis.paper.collect import Asked
    from alrun.analysis.paper.exhibits import Part

STAND_INS = Path(alrun.__file__).resolve().parents[2] / "benchmarks" / "conf"
GROUPS = ("times", "claims", "figures", "index", "all")


def main() -> None:
    """Compute and write what is named; exit with the commands to repeat if runs are missing."""
    parser = console.make_parser("paper", __doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="and overrides: scale=small seed=0,1")
    parser.add_argument("--draw", action="store_true", help="compute nothing: draw the runs that are done")
    parser.add_argument("--stand-ins", action="store_true", help="other data and features where a download is needed")
    console.add_config_dir(parser)
    arguments = parser.parse_intermixed_args()
    try:
        with console.reporting_mistakes():
            names = [word for word in arguments.names if "=" not in word]
            overrides = console.with_config_dir([w for w in arguments.names if "=" in w], arguments.config_dir)
            if arguments.stand_ins:
                overrides = with_stand_ins(overrides)
            incomplete = make_named(names, overrides, arguments.draw, arguments.stand_ins)
    except KeyboardInterrupt:
        sys.exit(130)
    if incomplete:
        lines = "\n".join(f"  {line}" for line in dict.fromkeys(incomplete))
        sys.exit(f"Not complete: the missing runs are listed above. The same command continues with:\n{lines}")


def with_stand_ins(overrides: Sequence[str]) -> list[str]:
    """The ``overrides``, with the folder of the stand-in data sets beside that of ``--config-dir``.

    Raises:
        UserError: The folder is missing: it is in the repository, not in the package.
    """
    if not STAND_INS.is_dir():
        raise SettingError(
            "--stand-ins: the options of the stand-in data sets are in benchmarks/conf of alrun's repository, which is "
            "not here: run it in a clone (make paper STAND_INS=1), or leave --stand-ins out."
        )
    (found,) = console.with_config_dir([], str(STAND_INS))
    key = found.partition("=")[0]
    given = [word for word in overrides if word.startswith(f"{key}=[")]
    folders = [word[len(key) + 2 : -1] for word in (*given, found)]
    return [*(word for word in overrides if word not in given), f"{key}=[{','.join(folders)}]"]


def make_named(names: Sequence[str], overrides: Sequence[str], draw: bool, stand_ins: bool) -> list[str]:
    """Compute and write what is named; returns the command lines that have missing runs.

    Raises:
        UserError: A name is not a part of the paper.
    """
    from alrun.analysis.paper import collect, exhibits, make

    asked = collect.Asked(tuple(overrides), stand_ins)
    known = [*exhibits.ALL, *GROUPS, *planned_runs.paper_experiments()]
    for name in names:
        if name not in known:
            raise SettingError(f"{name} is not a part of the paper; {closest(name, known)}")
    expanded = {"all": planned_runs.paper_experiments(), "figures": [*exhibits.ALL, "claims", "index"]}
    incomplete = []
    for name in [each for given in names for each in expanded.get(given, [given])]:
        if name == "index":
            print(make.index(asked), flush=True)
        elif name in planned_runs.paper_experiments():
            line = collect.line_of(name, asked)
            incomplete += [] if run_line(line) else [shlex.join(line)]
        else:
            incomplete += [] if draw else compute_parts(make.needed(name), asked)
            print(make.write_exhibit(name, asked), flush=True)
    return incomplete


def compute_parts(parts: "Iterable[Part]", asked: "Asked") -> list[str]:
    """Compute the missing runs of ``parts``, in this process, so that data are read once.

    Returns:
        The command lines that have failed runs; a failure does not stop the others.
    """
    from alrun.analysis.paper import collect

    incomplete = []
    for part in parts:
        if not all(is_done(each.folder) for each in collect.planned(part, asked)) and not run_line(
            collect.words(part, asked)
        ):
            incomplete.append(shlex.join(collect.words(part, asked)))
    return incomplete


def run_line(line: list[str]) -> bool:
    """Compute what ``alrun`` computes with the words of ``line``; True if all its runs are done.

    Raises:
        SystemExit: A signal or Ctrl-C asked it to stop.
    """
    print(f"\n{shlex.join(line)}", flush=True)
    sys.argv = ["alrun", *line]
    try:
        cli.main()
    except SystemExit as stop:
        if stop.code in (130, interruption.EXIT_CODE):
            raise
        if isinstance(stop.code, str):  # a mistake for the user to correct
            print(stop.code, file=sys.stderr)
        return not stop.code
    return True
