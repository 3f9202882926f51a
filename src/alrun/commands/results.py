"""``alrun results``: all finished runs as one table, with a row per run and round.

    alrun results
    alrun results experiment=quickstart -o results.csv
    alrun results --metric macro_f1

Every setting is a column. Runs that are missing, failed, unfinished or damaged are listed.
"""

import math
from argparse import Namespace
from pathlib import Path

from alrun.commands import console


def main() -> None:
    """Read the command line and write the table."""
    parser = console.make_parser("results", __doc__)
    console.add_sources(parser)
    console.add_reading(parser)
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
    parser.add_argument(
        "--lean",
        action="store_true",
        help="leave out numbers by class and stopping measures, and round to 6 digits: tables of many runs to share",
    )
    console.run_on_sources(parser, write_table)


def write_table(arguments: Namespace) -> None:
    """Write the table, and print which runs it has."""
    from alrun.analysis import metrics, result_files, sources

    metric = console.take_reading(arguments).metric
    results = sources.load(arguments.sources)
    if len(results.rounds) and results.rounds[metrics.ACCURACY.column].notna().any():
        metrics.check_measured(results.rounds, metric)
    for path in arguments.output:
        result_files.write_results(result_files.lean(results.rounds) if arguments.lean else results.rounds, path)
    frame = results.rounds
    print(f"{len(frame)} rounds of {frame['run'].nunique()} runs")
    if len(frame):
        settings = frame["run"].str.rpartition("/")[0]
        last = frame.sort_values("round", kind="stable").drop_duplicates("run", keep="last")
        for (setting, strategy), runs in last.groupby([settings, "strategy"], sort=False):  # type: ignore[misc]
            mean = float(runs[metric.column].mean(skipna=False))
            final = f"no {metric.short}" if math.isnan(mean) else f"{metric.short} {metric.in_words(mean)} in the end"
            seeds = ", ".join(map(str, sorted(runs["seed"])))
            print(f"  {setting}  {strategy}  seeds {seeds}  {final}")
    console.print_problems(results.problems)
    for path in arguments.output:
        print(f"Table: {path}")
