"""``alrun results``: all finished runs as one table, with a row per run and round.

    alrun results
    alrun results experiment=quickstart -o results.csv

Every setting is a column. Runs that are missing, failed, unfinished or damaged are listed.
"""

from argparse import Namespace
from pathlib import Path

from alrun.commands import console


def main() -> None:
    """Read the command line and write the table."""
    parser = console.make_parser("results", __doc__)
    console.add_sources(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="write the table to a .csv or .parquet file, or as runs.csv and rounds.csv to a folder; can be given more "
        "than once",
    )
    console.run_on_sources(parser, write_table)


def write_table(arguments: Namespace) -> None:
    """Write the table, and print which runs it has."""
    from alrun.analysis import rounds, sources

    results = sources.load(arguments.sources)
    for path in arguments.output:
        rounds.write_results(results.rounds, path)
    frame = results.rounds
    print(f"{len(frame)} rounds of {frame['run'].nunique()} runs")
    if len(frame):
        settings = frame["run"].str.rpartition("/")[0]
        counts = frame.groupby([settings, "strategy"], sort=False)["seed"].unique()
        for (setting, strategy), seeds in counts.items():  # type: ignore[misc]
            print(f"  {setting}  {strategy}  seeds {', '.join(map(str, sorted(seeds)))}")
    console.print_problems(results.problems)
    for path in arguments.output:
        print(f"Table: {path}")
