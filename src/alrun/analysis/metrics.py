"""The measures that results can be read by: their columns, names, directions, ranges and units.

Which metric is read, and against what, is chosen by who reads; no run depends on it. All of analysis/ takes the choice
as a ``Reading``.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from alrun.system.errors import DataError, SettingError
from alrun.system.words import closest

if TYPE_CHECKING:  # runs import this file too, and need no pandas
    import pandas as pd


@dataclass(frozen=True)
class Metric:
    """A measure of a round."""

    name: str  # as users type it
    column: str  # of the table of results
    label: str  # in a sentence or at an axis
    better: int  # 1: higher is better, -1: lower is better
    high: float  # end of its range, which begins at 0
    unit: str  # as shown: "%" is a share of 1 in tables

    @property
    def scale(self) -> float:
        """The factor between a table and what is shown."""
        return 100 if self.unit == "%" else 1

    @property
    def digits(self) -> int:
        """Decimals of a mean; a difference has one more."""
        return 1 if self.unit in ("%", "labels", "classes") else 3

    @property
    def axis(self) -> str:
        """Label and unit: ``test accuracy (%)``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def short(self) -> str:
        """The label without the word ``test``."""
        return self.label.removeprefix("test ")

    @property
    def points(self) -> str:
        """The unit of differences, as at an axis: ``points`` of percentages."""
        return "points" if self.unit == "%" else self.unit

    def heading(self, text: str) -> str:
        """``text`` with the unit: ``AUBC (%)``."""
        return f"{text} ({self.unit})" if self.unit else text

    def in_words(self, value: float, digits: int | None = None) -> str:
        """A value with its unit: ``90.1 %`` or ``0.312 nats``."""
        text = f"{self.scale * value:.{self.digits if digits is None else digits}f}"
        return f"{text} {self.unit}" if self.unit else text

    def difference_in_words(self, difference: float) -> str:
        """A difference in its unit: ``1 point``, ``0.5 points``, ``0.01 nats``."""
        text = f"{self.scale * difference:g}"
        return f"{text} point" if (text, self.points) == ("1", "points") else f"{text} {self.points}".strip()

    def best(self, values: "pd.Series") -> float:
        """The best of some values."""
        return float(values.max() if self.better > 0 else values.min())


TABLE = (
    Metric("accuracy", "test_accuracy", "test accuracy", 1, 1, "%"),
    Metric("balanced_accuracy", "balanced_accuracy", "balanced accuracy", 1, 1, "%"),
    Metric("macro_f1", "macro_f1", "macro-F1", 1, 1, "%"),
    Metric("worst_recall", "worst_recall", "worst-class recall", 1, 1, "%"),
    Metric("rare_recall", "rare_recall", "rare-class recall", 1, 1, "%"),
    Metric("worst_group", "worst_group", "worst-group accuracy", 1, 1, "%"),
    Metric("nll", "nll", "negative log-likelihood", -1, math.inf, "nats"),
    Metric("brier", "brier", "Brier score", -1, 2, ""),
    Metric("calibration_error", "calibration_error", "expected calibration error", -1, 1, ""),
    Metric("purity", "purity", "purity of the query", 1, 1, "%"),
    Metric("strangers", "strangers", "labels spent on strangers", -1, math.inf, "labels"),
    Metric("wrong_labels", "wrong_labels", "wrong labels", -1, 1, "%"),
    Metric("classes_found", "classes_found", "classes found", 1, math.inf, "classes"),
)
METRICS = {metric.name: metric for metric in TABLE}
ACCURACY, CALIBRATION, WORST_GROUP = METRICS["accuracy"], METRICS["calibration_error"], METRICS["worst_group"]

AXES = {  # by: what a metric is read against, in words at an axis, and the unit of labeling efficiency
    "answers": "answers",
    "spent": "cost of the answers",
}


class Reading(NamedTuple):
    """What results are read by: a metric, against the answers that were paid for, or what they cost."""

    metric: Metric = ACCURACY
    by: str = "answers"

    def x(self, rounds: "pd.DataFrame") -> "pd.Series":
        """What each row's labels took: one answer each, which costs 1, where a table says nothing else."""
        return rounds[self.by] if self.by in rounds else rounds["labeled"]

    def xlabel(self, rounds: "pd.DataFrame") -> str:
        """In words at an axis: answers are labeled examples unless some were asked for more, or belong to no class."""
        if self.by == "answers" and bool((self.x(rounds) == rounds["labeled"]).all()):
            return "labeled examples"
        return AXES[self.by]


PLAIN = Reading()


def reading(metric: str = "accuracy", by: str = "answers") -> Reading:
    """The reading that a user names.

    Raises:
        UserError: There is no such metric or axis.
    """
    if metric not in METRICS:
        raise SettingError(f"metric={metric}: there is no such metric; {closest(metric, list(METRICS))}")
    if by not in AXES:
        raise SettingError(f"by={by}: results are read by answers or by spent; give one of them.")
    return Reading(METRICS[metric], by)


def check_measured(rounds: "pd.DataFrame", metric: Metric) -> None:
    """Refuse a table in which no run has the metric.

    Raises:
        UserError: It has no such column, or nothing in it; the sentence names what it has.
    """
    if metric.column in rounds and rounds[metric.column].notna().any():
        return
    known = [each.name for each in TABLE if each.column in rounds and rounds[each.column].notna().any()]
    why = "no run here has it" if metric.column in rounds else "these results were written before alrun measured it"
    if metric == WORST_GROUP:
        why = "the test examples of these runs have no groups, as by dataset.group or shift.test=both"
    raise DataError(f"metric={metric.name}: {why}; choose one of {', '.join(known)}.")
