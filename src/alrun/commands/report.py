"""``python -m alrun report``: figures, tables, tests and one HTML page of an experiment or any runs."""

from argparse import Namespace
from pathlib import Path

from alrun.commands import result_sources
from alrun.system.errors import SettingError

DESCRIPTION = (
    "Write a report: report.html, which needs no other file, figures (PNG, PDF), tables (CSV, Markdown, LaTeX) and all "
    "results as one table. What is missing is named, the rest is reported."
)


def main() -> None:
    """The command."""
    arguments = result_sources.parser("report", DESCRIPTION)
    arguments.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="default: outputs/reports/<experiment>")
    arguments.add_argument("--title", help="of the page; default: the name of the experiment")
    arguments.add_argument(
        "--accuracy",
        metavar="SHARE",
        type=float,
        nargs="+",
        action="extend",
        default=[],
        help="read labeling efficiency at these accuracies (0 to 1); default: the highest that every run reaches",
    )
    arguments.add_argument("--alpha", type=float, default=0.05, help="level of the tests (default: 0.05)")
    arguments.add_argument(
        "--difference",
        metavar="SHARE",
        type=float,
        default=0.01,
        help="accuracy that repeats should be able to tell apart, for their number (default: 0.01)",
    )
    arguments.add_argument(
        "--full-data",
        metavar=("SHARE", "SOURCE"),
        nargs=2,
        help="accuracy with all labels and where it is published, if no run labels everything",
    )
    arguments.add_argument("--no-images", action="store_true", help="do not show what was bought")
    result_sources.answer(report, arguments)


def report(arguments: Namespace) -> None:
    """Write the report."""
    for name in ("alpha", "difference"):
        if not 0 < getattr(arguments, name) < 1:
            raise SettingError(f"--{name} {getattr(arguments, name)} is no share: give a number between 0 and 1.")
    for accuracy in arguments.accuracy:
        if not 0 < accuracy <= 1:
            raise SettingError(
                f"--accuracy {accuracy} is no share: give numbers between 0 and 1, such as 0.9 for 90 %."
            )
    full_data = None
    if arguments.full_data:
        share, source = arguments.full_data
        try:
            full_data = (float(share), source)
        except ValueError:
            raise SettingError(f"--full-data {share} is no number: give a share such as 0.95 and its source.") from None

    from alrun.analysis import sources
    from alrun.analysis.report import Choices, write
    from alrun.settings import planned_runs

    results = sources.with_test_set(sources.load(arguments.sources))
    if results.rounds.empty:
        result_sources.print_problems(results.problems)
        raise SettingError("no run is finished: there is nothing to report.")
    experiments = planned_runs.experiments(arguments.sources)
    name = experiments[0] if len(experiments) == 1 else "results"
    folder = arguments.output or Path("outputs") / "reports" / name
    choices = Choices(
        arguments.accuracy, arguments.alpha, arguments.difference, full_data, experiments, not arguments.no_images
    )
    page = write(results, folder, arguments.title or name, choices)
    result_sources.print_problems(results.problems)
    print(f"Report: {page}   Figures: {folder / 'figures'}   Tables: {folder / 'tables'}")
