"""``alrun forecast``: what the next labels bring, and how many an accuracy needs.

    alrun forecast outputs
    alrun forecast outputs/runs/<setting>/<run> --labels 500 --at 0.9 --price 0.05
    alrun forecast --check results/forecast/left_out.csv

It extrapolates the learning curve of each run, finished or not, and of the random run of its setting and seed, with an
interval that holds nine of ten outcomes. It gives none where that cannot be trusted, and says why. --check instead
forecasts the later rounds of finished runs from their earlier ones, and prints how often the interval held.
"""

import argparse
import sys
from pathlib import Path

from alrun.commands import console
from alrun.system.errors import DataError, SettingError, UserError

SHOWN = 30  # runs
SOURCES = "run folders, folders of them, patterns, or an experiment; with --check tables of results too"


def main() -> None:
    """Read the command line and print the forecasts."""
    parser = console.make_parser("forecast", __doc__)
    console.add_sources(parser, SOURCES)
    parser.add_argument("--labels", type=int, metavar="N", help="labels to look ahead (default: half as many again)")
    parser.add_argument("--at", type=float, metavar="ACCURACY", help="say what this accuracy needs (0 to 1)")
    parser.add_argument(
        "--price", type=float, metavar="PRICE", help="of a label (default: that of the run, cost.price)"
    )
    parser.add_argument("--check", action="store_true", help="compare forecasts with outcomes")
    console.run_on_sources(parser, forecast)


def forecast(arguments: argparse.Namespace) -> None:
    """Check the arguments, and print a line for each run, or the table of --check."""
    for name, most in (("labels", None), ("at", 1), ("price", None)):
        value = getattr(arguments, name)
        if value is not None and not 0 < value <= (most or sys.float_info.max):
            raise SettingError(f"--{name} {value} must be above 0{f' and at most {most}' if most else ''}.")
    if arguments.check:
        check(arguments.sources)
        return
    from alrun.analysis import forecast
    from alrun.analysis.result_files import is_table
    from alrun.runs.run_folder import display_path, find_run_folders

    for source in arguments.sources:
        if is_table(Path(source)):
            raise DataError(f"{source} is a table of finished runs: compare forecasts with them by --check.")
    folders = [folder for folder in find_run_folders(arguments.sources) if (folder / "accuracy.csv").exists()]
    line_of = forecast_or_reason if len(folders) > 1 else forecast_line
    for folder in folders[:SHOWN]:
        print(f"{display_path(folder)}")
        print(f"  {line_of(folder, arguments)}")
        random = random_run(folder)
        if random is not None:
            print(f"  random: {forecast_or_reason(random, arguments)}")
    if len(folders) > SHOWN:
        print(f"and {len(folders) - SHOWN} more runs: name fewer folders.")
    if not folders:
        raise DataError(f"no run has finished a round: forecasts need {forecast.LEAST}.")


def forecast_or_reason(folder: Path, arguments: argparse.Namespace) -> str:
    """The forecast of a run beside others: one that cannot be read costs no other its line."""
    try:
        return forecast_line(folder, arguments)
    except UserError as error:
        return f"no forecast: {error}"


def forecast_line(folder: Path, arguments: argparse.Namespace) -> str:
    """The forecast of a run, or why there is none."""
    from alrun.analysis import forecast
    from alrun.analysis.efficiency import read_curve, read_price

    curve = read_curve(folder)
    if reason := forecast.reason_to_withhold(curve):
        return f"no forecast: {reason}"
    price = arguments.price or read_price(folder)
    most = int(forecast.farthest(curve)) - int(curve.labels[-1])
    if arguments.labels and arguments.labels > most:
        raise SettingError(
            f"--labels {arguments.labels} is beyond what {curve.labels[-1]} labels can forecast: give at most {most}."
        )
    return forecast.in_words(curve, arguments.labels, arguments.at, price)


def random_run(folder: Path) -> Path | None:
    """The random run of the same setting and seed, if it is another one that has begun."""
    from alrun.analysis.efficiency import random_runs

    return next((path for path in random_runs(folder) if path != folder and (path / "accuracy.csv").exists()), None)


def check(sources: list[str]) -> None:
    """Print how often intervals held the outcome, by data set.

    Raises:
        UserError: No run has enough rounds.
    """
    from alrun.analysis import calibration
    from alrun.analysis.sources import load, measured

    rounds = measured(load(sources)).rounds
    if rounds.empty or not calibration.outcomes(rounds)["given"].any():
        raise DataError("no finished run has enough rounds to compare a forecast with.")
    print(*console.format_columns(calibration.coverage_table(rounds)), sep="\n")
