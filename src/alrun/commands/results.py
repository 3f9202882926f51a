"""``python -m alrun results``: all results as one table, a row per run and round."""

from argparse import Namespace
from pathlib import Path

from alrun.commands import result_sources

DESCRIPTION = (
    "Gather the finished runs into one table: a row per run and round, with every setting as a column. The runs that "
    "are missing, failed, unfinished or damaged are listed."
)


def main() -> None:
    """The command."""
    arguments = result_sources.parser("results", DESCRIPTION)
    arguments.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="write the table there, as .csv or .parquet, or as runs.csv and rounds.csv to a folder; more than one may "
        "be given",
    )
    result_sources.answer(table, arguments)


def table(arguments: Namespace) -> None:
    """Write the table and say what it holds."""
    from alrun.analysis import rounds, sources

    results = sources.load(arguments.sources)
    for path in arguments.output:
        rounds.write(results.rounds, path)
    frame = results.rounds
    print(f"{len(frame)} rounds of {frame['run'].nunique()} runs")
    if len(frame):
        settings = frame["run"].str.rpartition("/")[0]
        counts = frame.groupby([settings, "strategy"], sort=False)["seed"].unique()
        for (setting, strategy), seeds in counts.items():  # type: ignore[misc]
            print(f"  {setting}  {strategy}  seeds {', '.join(map(str, sorted(seeds)))}")
    result_sources.print_problems(results.problems)
    for path in arguments.output:
        print(f"Table: {path}")
