"""How good stopping criteria are, in finished runs: labels too early or too late, and the accuracy given away."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from alrun.analysis.intervals import t_interval
from alrun.analysis.metrics import ACCURACY, PLAIN
from alrun.analysis.page import Section
from alrun.runs.stopping import CRITERIA

EPSILON = 0.01  # of accuracy: what the rest of a run must gain to be worth its labels
MAJORITY = 3  # criteria


class StopPoint(NamedTuple):
    """Where a criterion ends a run."""

    stopped: bool  # before the last round
    late: float  # labels after the first round from which the rest gains less than epsilon; negative: too early
    given_away: float  # accuracy that the rest of the run still gains


def best_round(accuracy: np.ndarray, epsilon: float = EPSILON) -> int:
    """The first round from which no later round is better by ``epsilon`` or more."""
    gains = np.maximum.accumulate(accuracy[::-1])[::-1] - accuracy
    return int(np.flatnonzero(gains < epsilon)[0])


def stop_point(labels: np.ndarray, accuracy: np.ndarray, says: np.ndarray, epsilon: float = EPSILON) -> StopPoint:
    """Where a run ends that stops at the first round in which ``says`` is true, or at its end."""
    end = int(np.argmax(says)) if says.any() else len(says) - 1
    late = float(labels[end] - labels[best_round(accuracy, epsilon)])
    return StopPoint(end < len(says) - 1, late, float(accuracy[end:].max() - accuracy[end]))


def stop_points(rounds: pd.DataFrame, epsilon: float = EPSILON) -> pd.DataFrame:
    """Where each criterion, and a majority, ends each run that measured them: criterion, run, and a StopPoint."""
    found = []
    for run, rows in rounds.groupby("run", sort=False):
        rows = rows.sort_values("round")
        if "criteria" not in rows or rows["criteria"].isna().any() or rows[ACCURACY.column].isna().any():
            continue
        labels, accuracy = PLAIN.x(rows).to_numpy(float), rows[ACCURACY.column].to_numpy(float)
        says = {name: rows[f"stop_{name}"].to_numpy() == 1 for name in CRITERIA}
        says["majority"] = rows["criteria"].to_numpy() >= MAJORITY
        found += [(name, run, *stop_point(labels, accuracy, each, epsilon)) for name, each in says.items()]
    return pd.DataFrame(found, columns=["criterion", "run", *StopPoint._fields])


def stopping_table(rounds: pd.DataFrame, epsilon: float = EPSILON) -> pd.DataFrame:
    """A row for each criterion, as text: means over runs with their 95 % intervals."""
    rows = []
    for name, points in stop_points(rounds, epsilon).groupby("criterion", sort=False):
        early = -points["late"].clip(upper=0)
        rows.append(
            {
                "criterion": name,
                "runs that it ends": f"{points['stopped'].sum()} of {len(points)}",
                "labels too early": with_interval(early, 1, 0),
                "labels too late": with_interval(points["late"].clip(lower=0), 1, 0),
                "accuracy given away (points)": with_interval(points["given_away"], 100, 2),
            }
        )
    return pd.DataFrame(rows)


def with_interval(values: pd.Series, scale: float, digits: int) -> str:
    """``12 [8, 16]``; without brackets for a single run."""
    low, high = t_interval((scale * values).tolist())
    text = f"{scale * values.mean():.{digits}f}"
    return text if np.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def stopping_sections(rounds: pd.DataFrame) -> list[Section]:
    """The section on stopping criteria, in a list; empty if no run has measured them."""
    table = stopping_table(rounds)
    if table.empty:
        return []
    text = (
        "Where each criterion would have ended each run, had it been followed. Too early and too late are counted from "
        f"the first round from which the rest of the run gains less than {100 * EPSILON:g} point of accuracy; given "
        "away is what the rest of the run still gained. A criterion that never says stop spends the whole budget. "
        f"Majority: {MAJORITY} of the {len(CRITERIA)}. Brackets hold 95 % intervals over runs, by Student's t."
    )
    return [Section("When to stop", text, {}, {"stopping criteria": table})]
