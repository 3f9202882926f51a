"""``alrun ask``: which images people should label next, as a CSV file to fill in.

    alrun ask dataset=unlabeled dataset.path=photos 'dataset.classes=[cat,dog]' strategy=badge

It takes what a run takes. It trains on the labels given so far, lets the strategy choose, and writes ask_<round>.csv
into the run's folder: first the seed set, then a batch for every round. ``alrun tell`` reads the labels from it.
"""

import sys
from collections.abc import Sequence

from hydra.types import RunMode

from alrun.commands import cli, console
from alrun.runs.run_folder import display_path, is_done
from alrun.settings import planned_runs
from alrun.system import program
from alrun.system.errors import SettingError


def main() -> None:
    """Check that labels are missing, and run as far as the known labels allow."""
    parser = console.make_parser("ask", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="setting=value", help="as for a run")
    console.add_config_dir(parser)
    console.add_verify(parser)
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        run = find_run_to_label(arguments.overrides, arguments.config_dir)
    cli.main()
    if is_done(run.folder):
        return
    waiting = max(run.folder.glob("ask_*.csv"), key=lambda path: int(path.stem.partition("_")[2]), default=None)
    if waiting is not None:
        print(
            f"Next, with the labels filled in: {program.command_line(['tell', *sys.argv[1:], display_path(waiting)])}"
        )


def find_run_to_label(overrides: Sequence[str], config_dir: str | None) -> planned_runs.Planned:
    """The single run of a command line whose data set has no labels.

    Raises:
        UserError: It is a sweep, the classes have no names, or the data set has its labels.
    """
    runs = planned_runs.runs_of_command(console.with_config_dir(overrides, config_dir))
    if len(runs) != 1 or runs[0].cfg.hydra.mode == RunMode.MULTIRUN:
        raise SettingError("labels are asked for one run at a time: give one value for each setting.")
    dataset = runs[0].cfg.dataset
    if "classes" in dataset.keys() and not dataset.get("classes"):  # noqa: SIM118 - keys() has those without a value
        raise SettingError(
            "dataset.classes has no value: name the classes that people choose from, as 'dataset.classes=[cat,dog]'."
        )
    if not dataset.get("classes"):
        raise SettingError(
            "this data set has its labels, so there is nothing to ask: name pictures without labels by "
            "dataset=unlabeled dataset.path=..., and their classes by dataset.classes=[...]; without the word ask, "
            "labeling is simulated."
        )
    return runs[0]
