"""``alrun merge``: joins tables of results of several people, and writes a leaderboard.

    alrun merge alice/ bob/ -o joined
    alrun merge alice=results-1.csv bob=results-2.csv -o joined --metric macro_f1

A table is what alrun results wrote (.csv or a folder with runs.csv and rounds.csv). NAME=TABLE gives the name of its
source, by default its path. Tables that contradict each other are refused: the same run with other settings, or with
other numbers that no other machine explains. A run that another machine computed too counts once; alrun says how far
apart they are.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from alrun.analysis.result_files import is_table
from alrun.commands import console
from alrun.system.errors import DataError, SettingError


def main() -> None:
    """Read the command line, join the tables and write the leaderboard."""
    parser = console.make_parser("merge", __doc__)
    parser.add_argument("sources", nargs="+", metavar="[NAME=]TABLE", help="written by alrun results")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, default=Path("joined"), help="default: joined")
    parser.add_argument("--alpha", type=float, default=0.05, help="level of the tests (default: 0.05)")
    console.add_reading(parser)
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        merge_tables(arguments)


def merge_tables(arguments: Namespace) -> None:
    """Write runs.csv, rounds.csv and the leaderboard, and print where they are.

    Raises:
        UserError: A source is not a table, two contradict each other, or none has a sound run.
    """
    from alrun.analysis import leaderboard_page, machines, merging, result_files

    reading = console.take_reading(arguments)
    if not 0 < arguments.alpha < 1:
        raise SettingError(f"--alpha {arguments.alpha} must be between 0 and 1.")
    if arguments.output.suffix or arguments.output.is_file():
        raise SettingError(
            f"-o {arguments.output} must name a folder, for tables and pages: give a name without a suffix."
        )
    merged = merging.merge(named_tables(arguments.sources))
    console.print_problems(merged.problems)
    if merged.rounds.empty:
        raise DataError("the tables have no sound run: there is nothing to join.")
    result_files.write_results(merged.rounds, arguments.output)
    page = leaderboard_page.write(merged, arguments.output, reading, arguments.alpha)
    if len(merged.others):
        print(machines.copies_in_words(merged.others))
    joined = merged.rounds.drop_duplicates("run")
    print(f"{len(merged.rounds)} rounds of {len(joined)} runs of {joined[merging.SOURCE].nunique()} sources")
    print(f"Tables: {arguments.output}/runs.csv, rounds.csv   Leaderboard: {page}, {page.with_suffix('.html').name}")


def named_tables(words: Sequence[str]) -> list[tuple[str, Path]]:
    """The name of the source and the path of each table; without a name, its path, or its last part if it is absolute.

    Raises:
        UserError: A path is not that of a table.
    """
    found = []
    for word in words:
        name, equals, rest = word.partition("=")
        is_named = equals and "/" not in name and not Path(word).exists()
        path = Path(rest if is_named else word)
        if not is_table(path) or not path.exists():
            raise DataError(
                f"{word} is not a table of results: give a .csv or a folder with runs.csv and rounds.csv, as alrun "
                "results -o writes them."
            )
        found.append((name if is_named else path.name if path.is_absolute() else str(path), path))
    return found
