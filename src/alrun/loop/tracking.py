"""Trackers: a run's rounds, as accuracy.csv and timing.csv have them, in TensorBoard or Weights & Biases too.

At every start a tracker begins the run anew and is told all rounds that are saved, then every further one once it is
saved: whatever was killed when, it shows each round once. It writes nothing into the run folder, and where it fails,
the run goes on without it.
"""

import importlib
import importlib.util
import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from alrun.runs.run_folder import display_path
from alrun.runs.state import ACCURACY_COLUMNS, COSTS, RoundRecord, RunState
from alrun.system import files
from alrun.system.errors import SettingError, first_line

log = logging.getLogger(__name__)


class Tracker:
    """What a tracker does; this one shows nothing."""

    tool = ""  # the folder of its files, in <paths.outputs>/tracking

    def open(self, folder: Path, run_dir: Path, settings: dict[str, Any]) -> str:
        """Begin the run anew, in ``folder``; returns where to look at it."""
        return ""

    def add(self, values: dict[str, float], labeled: int) -> None:
        """Show ``values`` of a round with so many labels."""

    def close(self) -> None:
        """The run ends, or stops for now."""


class TensorBoard(Tracker):
    """Event files for TensorBoard."""

    tool = "tensorboard"

    def __init__(self) -> None:
        require("tensorboard", "tensorboard")

    def open(self, folder: Path, run_dir: Path, settings: dict[str, Any]) -> str:
        """Remove the event files of an earlier start, so that no round is told twice."""
        from torch.utils.tensorboard import SummaryWriter

        files.remove(*folder.glob("events.out.tfevents.*"))
        self.writer = SummaryWriter(str(folder), purge_step=0)  # a TensorBoard that looks on forgets them too
        self.writer.add_text("settings", f"```yaml\n{OmegaConf.to_yaml(settings)}```")
        return f"tensorboard --logdir {display_path(folder.parents[1])}"

    def add(self, values: dict[str, float], labeled: int) -> None:
        """A point of every curve, at once on disk."""
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
        """Start the run, without what an earlier start kept to be sent later: this one tells all of it."""
        wandb: Any = importlib.import_module("wandb")  # an extra, which type checks must do without
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
        """A point of every curve."""
        self.run.log({**values, "labeled": labeled})

    def close(self) -> None:
        """Send what is left."""
        self.run.finish()


def require(package: str, extra: str) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        UserError: It is not.
    """
    if importlib.util.find_spec(package) is None:
        raise SettingError(
            f"tracking={extra}: {package} is not installed; pip install 'alrun[{extra}]', or tracking=none."
        )


class Tracking:
    """What of a run its tracker was told; no failure of the tracker leaves this class."""

    def __init__(self, tracker: Tracker, run_dir: Path, outputs: Path, settings: dict[str, Any]) -> None:
        self.tracker = tracker
        self.run_dir = run_dir
        self.outputs = outputs
        self.settings = settings  # that tell the run apart from others
        self.trained = self.timed = 0  # rounds whose accuracy and whose seconds were told
        self.works = True

    def __enter__(self) -> "Tracking":
        self.attempt(self.open)
        return self

    def __exit__(self, *error: object) -> None:
        self.attempt(self.tracker.close)

    def open(self) -> None:
        """Begin, and say where to look."""
        place = self.outputs / "tracking" / self.tracker.tool / Path(*self.run_dir.parts[-2:])
        if where := self.tracker.open(place, self.run_dir, self.settings):
            log.info("tracked: %s", where)

    def update(self, state: RunState, is_over: bool = False) -> None:
        """Tell what is saved and was not told; seconds are complete once the next labels are bought, or at the end."""
        complete = len(state.rounds) if is_over else len(state.queries) - 1
        self.attempt(lambda: self.tell(state.rounds, complete))

    def tell(self, rounds: list[RoundRecord], complete: int) -> None:
        """Tell the accuracy of all ``rounds``, and the seconds of so many."""
        for record in rounds[self.trained :]:
            self.tracker.add(values(record, "accuracy", ACCURACY_COLUMNS), record.labeled)
        for record in rounds[self.timed : complete]:
            self.tracker.add(values(record, "timing", COSTS), record.labeled)
        self.trained, self.timed = len(rounds), complete

    def attempt(self, step: Callable[[], object]) -> None:
        """Do ``step``, unless an earlier one failed."""
        if not self.works:
            return
        try:
            step()
        except Exception as error:  # whatever it is: results are worth more than what shows them
            self.works = False
            log.warning("tracking failed, the run goes on without it (%s: %s)", type(error).__name__, first_line(error))


def values(record: RoundRecord, file: str, columns: list[str] | tuple[str, ...]) -> dict[str, float]:
    """The numbers of a round's row in ``file``.csv, as ``accuracy/test_accuracy``; those that are none are left out."""
    row = asdict(record)
    numbers = {name: row[name] for name in columns if isinstance(row[name], int | float) and not math.isnan(row[name])}
    return {f"{file}/{name}": value for name, value in numbers.items() if name not in ("round", "labeled")}
