"""How long runs take: measured in the folders of finished runs, and estimated for unfinished ones."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any

from alrun.runs.run_folder import read_record, read_rows
from alrun.settings import schedule

PHASES = ("train_seconds", "evaluate_seconds", "select_seconds")


class Durations:
    """Seconds that runs still need; the finished runs of each setting are read once."""

    def __init__(self) -> None:
        self._finished: dict[Path, dict[str, list[float]]] = {}  # by setting and strategy

    def left(self, run_dir: Path) -> float | None:
        """Seconds until the run is done, None if they cannot be estimated.

        The estimate comes from finished runs of the same setting, with the same strategy if there are any; otherwise
        from the rounds of this run that are done.
        """
        finished = self._of_setting(run_dir.parent)
        alike = finished.get(strategy_of(run_dir)) or [seconds for runs in finished.values() for seconds in runs]
        if alike:
            return max(0.0, mean(alike) - spent(run_dir))
        return by_rounds(read_rows(run_dir / "timing.csv"), labels_of_rounds(run_dir))

    def _of_setting(self, setting: Path) -> dict[str, list[float]]:
        """Seconds of the finished runs in the folder ``setting``, by strategy."""
        if setting not in self._finished:
            self._finished[setting] = {}
            for path in sorted(setting.glob("*/done")):
                self._finished[setting].setdefault(strategy_of(path.parent), []).append(spent(path.parent))
        return self._finished[setting]


def strategy_of(run_dir: Path) -> str:
    """The part of a run's name that its repeats share."""
    return run_dir.name.rpartition("-seed")[0]


def spent(run_dir: Path) -> float:
    """Seconds that a run has taken so far."""
    return sum(float(row[phase]) for row in read_rows(run_dir / "timing.csv") for phase in PHASES)


def by_rounds(done: Sequence[Mapping[str, Any]], sizes: list[int]) -> float | None:
    """Seconds of the rounds to come, if training costs the same per answer as before, and the rest the same per round.

    The last round has no selection yet, and its 0 seconds are left out.

    Args:
        done: Rows of timing.csv.
        sizes: Answers in every round of the run.
    """
    coming = sizes[len(done) :]
    if not done or not sizes:
        return None
    train, evaluate, select = ([float(row[phase]) for row in done] for phase in PHASES)
    selections = [seconds for seconds in select if seconds]
    each = mean(evaluate) + (mean(selections) if selections else 0)
    return sum(train) / sum(sizes[: len(done)]) * sum(coming) + each * len(coming)


def labels_of_rounds(run_dir: Path) -> list[int]:
    """Answers in every round of a run that has begun; empty if run.json does not say."""
    with suppress(ValueError, LookupError):
        return schedule.labels_by_round_of_record(read_record(run_dir))
    return []
