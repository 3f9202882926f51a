"""``stopping=``: criteria from the literature that say when enough is labeled, from what successive models predict.

A run measures all of them in every round from the second on (alrun.loop.stop_set) and writes what they say to
stopping.csv. None of them reads the test set.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from annotated_types import Ge, Le

Row = Mapping[str, Any]  # a round by column
Window = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Criterion:
    """Says stop if the mean of a measure over the last ``window`` rounds reaches a threshold.

    It never says so over rounds without the measure (NaN).
    """

    measure: str  # column of stopping.csv
    threshold: float
    stops_above: bool  # stop from the threshold up; otherwise from the threshold down
    window: int = 1

    def says_stop(self, rounds: Sequence[Row]) -> bool:
        """What it says after the last of ``rounds``."""
        if len(rounds) < self.window:
            return False
        values = [float(row[self.measure]) for row in rounds[-self.window :]]
        mean = math.fsum(values) / len(values)  # NaN if a value is
        return mean >= self.threshold if self.stops_above else mean <= self.threshold


# A threshold is that of the source where it could be verified, in its text or in two implementations by others that
# cite it: Pullar-Strecker et al., Hitting the Target: Stopping Active Learning at the Cost-Based Optimum, Machine
# Learning 2022, and small-text 1.3 (Schröder et al., EACL 2023). Elsewhere it is our choice, and this says so.
CRITERIA = {
    # Predictions are stable. Source: Bloodgood and Vijay-Shanker, A Method for Stopping Active Learning Based on
    # Stabilizing Predictions and the Need for User-Adjustable Stopping, CoNLL 2009: kappa from 0.99 as a mean over
    # three rounds, on a stop set of 2,000; so in both implementations, of which one takes all pairs of three models.
    "kappa": Criterion("kappa", 0.99, stops_above=True, window=3),
    # No prediction for an unlabeled example changes. Source: Zhu, Wang and Hovy, Multi-Criteria-Based Strategy to Stop
    # Active Learning for Data Annotation, COLING 2008; so in both implementations. Looking at the unlabeled examples of
    # the stop set instead of all is our choice.
    "classification_change": Criterion("changed", 0.0, stops_above=False),
    # The model is sure of what is unlabeled. Source: the same, which leaves the threshold open; 0.05 of the highest
    # entropy is our choice, and the default of small-text (Pullar-Strecker et al. have 0.01 of the entropy itself).
    "overall_uncertainty": Criterion("uncertainty", 0.05, stops_above=False),
    # The F-measure would change little, were the model before it right. Source: Altschuler and Bloodgood, Stopping
    # Active Learning based on Predicted Change of F Measure for Text Classification, ICSC 2019. Threshold and window
    # could not be verified and are our choice (small-text: each of three rounds below 0.05, of two classes).
    "delta_f": Criterion("delta_f", 0.005, stops_above=False, window=3),
    # The model knew the labels that people were just asked for. Source: Zhu and Hovy, Active Learning for Word Sense
    # Disambiguation with Methods for Addressing the Class Imbalance Problem, EMNLP 2007 (min-error); 0.9 as in the
    # implementation of Pullar-Strecker et al.
    "selected_set": Criterion("batch_accuracy", 0.9, stops_above=True),
}
MEASURES = tuple(criterion.measure for criterion in CRITERIA.values())
COLUMNS = ("round", "labeled", *MEASURES, *(f"stop_{name}" for name in CRITERIA), "criteria")


def say_stop(rounds: Sequence[Row]) -> list[str]:
    """The names of the criteria that say stop after the last of ``rounds``."""
    return [name for name, criterion in CRITERIA.items() if criterion.says_stop(rounds)]


def table(rounds: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows of stopping.csv: measures, 1 for each criterion that says stop, and how many do."""
    found = []
    for end, row in enumerate(rounds, 1):
        named = say_stop(rounds[:end])
        says = {f"stop_{name}": int(name in named) for name in CRITERIA}
        found.append({name: row[name] for name in ("round", "labeled", *MEASURES)} | says | {"criteria": len(named)})
    return found


def in_words(named: Sequence[str]) -> str:
    """``3 of 5 stopping criteria say stop (kappa, delta_f, selected_set)``."""
    verb = "says" if len(named) == 1 else "say"
    which = f" ({', '.join(named)})" if named else ""
    return f"{len(named)} of {len(CRITERIA)} stopping criteria {verb} stop{which}"


@runtime_checkable
class Stopping(Protocol):
    """Decides whether a run ends before its budget is spent."""

    def reason(self, rounds: Sequence[Row]) -> str | None:
        """Why the run ends after the last of ``rounds``, in words; None: it goes on."""
        ...


class NoStopping:
    """The run ends when its budget is spent."""

    def reason(self, rounds: Sequence[Row]) -> str | None:
        """None."""
        return None


class ByCriterion:
    """The run ends when one criterion says stop.

    Args:
        criterion: Its name.
        threshold: To use instead of its own.
        window: The number of rounds over whose mean it decides, instead of its own.
    """

    def __init__(
        self,
        criterion: Annotated[
            str, Literal["kappa", "classification_change", "overall_uncertainty", "delta_f", "selected_set"]
        ],
        threshold: Annotated[float, Ge(0), Le(1)] | None = None,
        window: Window | None = None,
    ) -> None:
        known = CRITERIA[criterion]
        self.name = criterion
        self.criterion = Criterion(
            known.measure,
            known.threshold if threshold is None else threshold,
            known.stops_above,
            known.window if window is None else window,
        )

    def reason(self, rounds: Sequence[Row]) -> str | None:
        """The criterion and its threshold, if it says stop."""
        return f"stopping={self.name}" if self.criterion.says_stop(rounds) else None


class Majority:
    """The run ends when several criteria, with their own thresholds, say stop in one round.

    Args:
        least: How many.
    """

    def __init__(self, least: Annotated[int, Ge(1), Le(5)] = 3) -> None:
        self.least = least

    def reason(self, rounds: Sequence[Row]) -> str | None:
        """Which criteria say stop, if enough do."""
        named = say_stop(rounds)
        return in_words(named) if len(named) >= self.least else None
