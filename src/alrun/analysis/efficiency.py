"""Labeling efficiency: how many times fewer labels a strategy needs than random sampling."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alrun.analysis.metrics import ACCURACY
from alrun.runs.run_folder import is_done, reading_run_file
from alrun.system import files

GRID = 20  # accuracies per curve, as in the paper's figures


class Curve(NamedTuple):
    """Test accuracy (shares), or another height, against the number of labels, or of what they took, by round."""

    labels: np.ndarray
    accuracy: np.ndarray
    unit: str = "labels"  # what these are called


def unit_of(answers: np.ndarray, labeled: np.ndarray) -> str:
    """What ``answers`` by round are called: labels, unless some gave none or an example got several."""
    return "labels" if np.array_equal(answers, labeled) else "answers"


def labels_needed(curve: Curve, accuracy: float) -> float:
    """Labels at which ``curve`` first reaches ``accuracy``, by linear interpolation between rounds; NaN if never."""
    reached = np.flatnonzero(curve.accuracy >= accuracy)
    if not len(reached):
        return math.nan
    after = int(reached[0])
    if after == 0:
        return float(curve.labels[0])
    (x0, x1), (y0, y1) = curve.labels[after - 1 : after + 1], curve.accuracy[after - 1 : after + 1]
    return float(x0 + (accuracy - y0) / (y1 - y0) * (x1 - x0))


def labeling_efficiency(strategy: Curve, random: Curve, accuracy: float) -> float:
    """Labels that random sampling needs to reach ``accuracy``, divided by the labels that the strategy needs.

    NaN if either curve never reaches it. Source: Section 4.1 of the paper, in the direction of its figures
    ("2x" means half the labels).
    """
    return labels_needed(random, accuracy) / labels_needed(strategy, accuracy)


def accuracy_grid(curve: Curve) -> np.ndarray:
    """Accuracies (GRID,) at which to compare: evenly from a curve's first accuracy to its highest."""
    return np.linspace(curve.accuracy[0], curve.accuracy.max(), GRID)


def read_curve(run_dir: Path) -> Curve:
    """The curve in a run folder's accuracy.csv.

    Raises:
        UserError: The file is damaged.
    """
    path = run_dir / "accuracy.csv"
    with reading_run_file(path), path.open(newline="") as file:
        rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError("it has no rows")
        labeled = np.array([int(row["labeled"]) for row in rows])
        answers = np.array([int(row.get("answers") or row["labeled"]) for row in rows])
        accuracy = np.array([float(row[ACCURACY.column]) for row in rows])
        return Curve(answers, accuracy, unit_of(answers, labeled))


def read_price(run_dir: Path) -> float | None:
    """What an answer has cost in a run on average, by its accuracy.csv; None if that is 1, the unit of no price.

    Raises:
        UserError: The file is damaged.
    """
    path = run_dir / "accuracy.csv"
    with reading_run_file(path), path.open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
        answers = float(last.get("answers") or last["labeled"])
        price = float(last.get("spent") or answers) / answers
    return None if price == 1 else price


def update_efficiency(run_dir: Path, ends: bool = False) -> None:
    """Write labeling_efficiency.csv of a run that is done or ``ends`` now, and of the runs that a random run is for.

    Until the reference is done the efficiencies are NaN; they are filled in when it ends.
    """
    strategy, _, seed = run_dir.name.rsplit("-", 2)  # <strategy>-<hash>-seed<seed>
    runs = [run_dir]
    if strategy == "random":
        runs += [path for path in run_dir.parent.glob(f"*-{seed}") if path != run_dir and is_done(path)]
    reference = run_dir if strategy == "random" and ends else reference_of(run_dir)
    for path in runs:
        write_efficiency(path, reference)


def reference_of(run_dir: Path) -> Path | None:
    """The random-sampling run of the same setting and seed, None while it is not done."""
    return next(filter(is_done, random_runs(run_dir)), None)


def random_runs(run_dir: Path) -> Iterator[Path]:
    """The folders of random sampling with the same setting and seed, at most one of each version."""
    seed = run_dir.name.rpartition("-")[2]  # <strategy>-<hash>-seed<seed>
    return run_dir.parent.glob(f"random-*-{seed}")


def write_efficiency(run_dir: Path, reference: Path | None) -> None:
    """Write labeling_efficiency.csv of ``run_dir`` against ``reference``."""
    curve = read_curve(run_dir)
    random = read_curve(reference) if reference else None
    rows = []
    for accuracy in accuracy_grid(curve):
        needed = labels_needed(random, accuracy) if random else math.nan
        own = labels_needed(curve, accuracy)
        rows.append(
            {
                "accuracy": accuracy,
                "labels": own,
                "random_labels": needed,
                "labeling_efficiency": needed / own,
                # If a first round has the accuracy, fewer labels might be enough: not a measurement.
                "is_floor": bool(max(curve.accuracy[0], random.accuracy[0] if random else 0) >= accuracy),
            }
        )
    files.write_csv(run_dir / "labeling_efficiency.csv", list(rows[0]), rows)
