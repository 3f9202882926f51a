"""Trackers: a run's rounds, as its tables have them, in TensorBoard or Weights & Biases too.

At every start a tracker opens a new record and receives all saved rounds, then each further round once it is saved. So
it shows each round once, even if the run was killed and resumed. It writes nothing into the run folder; if it fails,
the run continues without it.
"""

import importlib
import importlib.util
import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from alrun.runs.round_record import ACCURACY_COLUMNS, COSTS, MEASURES, RoundRecord
from alrun.runs.run_folder import display_path
from alrun.runs.state import RunState
from alrun.system import files
from alrun.system.errors import SettingError, first_line

log = logging.getLogger(__name__)


class Tracker:
    """The interface of trackers; this one shows nothing."""

    tool = ""  # the folder of its files, in <paths.outputs>/tracking

    def open(self, folder: Path, run_dir: Path, settings: dict[str, Any]) -> str:
        """Open a new record of the run, in ``folder``; returns where to look at it."""
        return ""

    def add(self, values: dict[str, float], labeled: int) -> None:
        """Show the ``values`` of a round with ``labeled`` labels."""

    def close(self) -> None:
        """Close the record: the run ends, or stops for now."""


class TensorBoard(Tracker):
    """Event files for TensorBoard."""

    tool = "tensorboard"

    def __init__(self) -> None:
        require("tensorboard", "tensorboard")

    def open(self, folder: Path, run_dir: Path, settings: dict[str, Any]) -> str:
        """Remove the event files of an earlier start, so that no round is shown twice."""
        from torch.utils.tensorboard import SummaryWriter

        files.remove(*folder.glob("events.out.tfevents.*"))
        self.writer = SummaryWriter(str(folder), purge_step=0)  # a TensorBoard that is open forgets them too
        self.writer.add_text("settings", f"```yaml\n{OmegaConf.to_yaml(settings)}```")
        return f"tensorboard --logdir {display_path(folder.parents[1])}"

    def add(self, values: dict[str, float], labeled: int) -> None:
        """Add a point to each curve, and flush it to disk."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, labeled)
        self.writer.flush()

    def close(self) -> None:
        """Close the file."""
        self.writer.close()


class WeightsAndBiases(Tracker):
    """A run of Weights & Biases with the id ``<setting>-<run>``; one of that id is overwritten."""

    tool = "wandb"

    def __init__(
        self,
        project: str = "alrun",
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
    ) -> None:
        require("wandb", "wandb")
        self.project, self.entity, self.mode = project, entity, mode

    def open(self, folder: Path, run_dir: Path, settings: dict[str, Any]) -> str:
        """Start the run, and delete unsent records of earlier starts: this one has all rounds."""
        wandb: Any = importlib.import_module("wandb")  # an extra: type checks run without it
        for unsent in folder.glob("wandb/offline-run-*"):
            shutil.rmtree(unsent)
        folder.mkdir(parents=True, exist_ok=True)
        setting = run_dir.parent.name
        self.run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            id=f"{setting}-{run_dir.name}",
            name=run_dir.name,
            group=setting,
            dir=str(folder),
            config=settings,
            settings=wandb.Settings(console="off", silent=True),
        )
        self.run.define_metric("*", step_metric="labeled")
        return self.run.url or f"wandb sync {display_path(folder)}/wandb/offline-run-*"

    def add(self, values: dict[str, float], labeled: int) -> None:
        """Add a point to each curve."""
        self.run.log({**values, "labeled": labeled})

    def close(self) -> None:
        """Send what is left."""
        self.run.finish()


def require(package: str, extra: str) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        UserError: The package is missing.
    """
    if importlib.util.find_spec(package) is None:
        raise SettingError(
            f"tracking={extra}: {package} is not installed; pip install 'alrun[{extra}]', or tracking=none."
        )


class Tracking:
    """Sends the rounds of a run to its tracker, each once; no failure of the tracker leaves this class."""

    def __init__(self, tracker: Tracker, run_dir: Path, outputs: Path, settings: dict[str, Any]) -> None:
        self.tracker = tracker
        self.run_dir = run_dir
        self.outputs = outputs
        self.settings = settings  # that distinguish the run from others
        self.trained = self.timed = 0  # rounds whose accuracy and whose seconds were sent
        self.works = True

    def __enter__(self) -> "Tracking":
        self.attempt(self.open)
        return self

    def __exit__(self, *error: object) -> None:
        self.attempt(self.tracker.close)

    def open(self) -> None:
        """Open the tracker, and log where to look."""
        place = self.outputs / "tracking" / self.tracker.tool / Path(*self.run_dir.parts[-2:])
        if where := self.tracker.open(place, self.run_dir, self.settings):
            log.info("tracked: %s", where)

    def update(self, state: RunState, is_over: bool = False) -> None:
        """Send what is saved and not yet sent; seconds are complete after the next query, or at the end."""
        complete = len(state.rounds) if is_over else len(state.queries) - 1
        self.attempt(lambda: self.send(state.rounds, complete))

    def send(self, rounds: list[RoundRecord], complete: int) -> None:
        """Send the accuracy of all ``rounds``, and the seconds of the first ``complete``."""
        for record in rounds[self.trained :]:
            found = row_values(record, "accuracy", ACCURACY_COLUMNS) | row_values(record, "measures", MEASURES)
            self.tracker.add(found, record.labeled)
        for record in rounds[self.timed : complete]:
            self.tracker.add(row_values(record, "timing", COSTS), record.labeled)
        self.trained, self.timed = len(rounds), complete

    def attempt(self, step: Callable[[], object]) -> None:
        """Do ``step``, unless an earlier one failed."""
        if not self.works:
            return
        try:
            step()
        except Exception as error:  # any error: results are worth more than a tracker
            self.works = False
            log.warning(
                "tracking failed, the run continues without it (%s: %s)", type(error).__name__, first_line(error)
            )


def row_values(record: RoundRecord, file: str, columns: list[str] | tuple[str, ...]) -> dict[str, float]:
    """The numbers of a round's row in ``file``.csv, as ``accuracy/test_accuracy``; NaN and text are left out."""
    row = record.row
    numbers = {name: row[name] for name in columns if isinstance(row[name], int | float) and not math.isnan(row[name])}
    return {f"{file}/{name}": value for name, value in numbers.items() if name not in ("round", "labeled")}
