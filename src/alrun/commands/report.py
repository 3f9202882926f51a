"""``alrun report``: an HTML page with figures, tables and tests of an experiment or of any runs.

    alrun report
    alrun report experiment=quickstart --at 0.8 0.9 --title "My runs"
    alrun report outputs --metric macro_f1

It writes report.html, which needs no other file, figures (PNG, PDF), tables (CSV, Markdown, LaTeX) and all results as
one table. It names missing runs and reports the others.
"""

import math
from argparse import Namespace
from pathlib import Path

from alrun.commands import console
from alrun.system.errors import SettingError


def main() -> None:
    """Read the command line and write the report."""
    parser = console.make_parser("report", __doc__)
    console.add_sources(parser)
    console.add_reading(parser)
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="default: outputs/reports/<experiment>")
    parser.add_argument("--title", help="of the page; default: the name of the experiment")
    parser.add_argument(
        "--at",
        "--accuracy",
        metavar="VALUE",
        type=float,
        nargs="+",
        action="extend",
        default=[],
        help="read labeling efficiency at these values of the metric (accuracies: 0 to 1); default: the best that "
        "every run reaches",
    )
    parser.add_argument("--alpha", type=float, default=0.05, help="level of the tests (default: 0.05)")
    parser.add_argument(
        "--difference",
        metavar="VALUE",
        type=float,
        default=0.01,
        help="difference in the metric that the repeats should be able to detect (default: 0.01)",
    )
    parser.add_argument(
        "--full-data",
        metavar=("SHARE", "SOURCE"),
        nargs=2,
        help="accuracy with all labels, and its source, if no run labels everything",
    )
    parser.add_argument("--no-images", action="store_true", help="do not show the images that were queried")
    console.run_on_sources(parser, report_runs)


def report_runs(arguments: Namespace) -> None:
    """Check the arguments, gather the runs and write the report."""
    if not 0 < arguments.alpha < 1:
        raise SettingError(f"--alpha {arguments.alpha} must be between 0 and 1.")
    reading = console.take_reading(arguments)
    if not 0 < arguments.difference < reading.metric.high:
        most = "" if reading.metric.high == math.inf else f" and below {reading.metric.high:g}"
        raise SettingError(f"--difference {arguments.difference} must be above 0{most}.")
    for level in arguments.at:
        if not 0 < level <= reading.metric.high:
            most = "" if reading.metric.high == math.inf else f" and at most {reading.metric.high:g}"
            example = ", such as 0.9 for 90 %" if reading.metric.unit == "%" else ""
            raise SettingError(f"--at {level} must be above 0{most}{example}.")
    full_data = None
    if arguments.full_data:
        share, source = arguments.full_data
        try:
            full_data = (float(share), source)
        except ValueError:
            raise SettingError(
                f"--full-data {share} must be a number: give a share such as 0.95, and its source."
            ) from None
        if not 0 < full_data[0] <= reading.metric.high:
            most = "" if reading.metric.high == math.inf else f" and at most {reading.metric.high:g}"
            example = ": 0.95 says 95 %" if reading.metric.unit == "%" else ""
            raise SettingError(f"--full-data {share} must be above 0{most}{example}.")

    from alrun.analysis import sources
    from alrun.analysis.report import Choices, write_report
    from alrun.settings import planned_runs

    results = sources.measured(sources.load(arguments.sources), reading.metric)
    if results.rounds.empty:
        console.print_problems(results.problems)
        if any(problem.status == "untested" for problem in results.problems):
            raise SettingError(
                "no finished run had a test set, so there is no accuracy to report: give a new one labeled examples "
                "as dataset.test=..."
            )
        raise SettingError("no run is finished: there is nothing to report.")
    experiments = planned_runs.experiments(arguments.sources)
    name = experiments[0] if len(experiments) == 1 else "results"
    folder = arguments.output or Path("outputs") / "reports" / name
    choices = Choices(
        arguments.at,
        arguments.alpha,
        arguments.difference,
        full_data,
        experiments,
        not arguments.no_images,
        reading,
    )
    page = write_report(results, folder, arguments.title or name, choices)
    console.print_problems(results.problems)
    print(f"Report: {page}   Figures: {folder / 'figures'}   Tables: {folder / 'tables'}")
