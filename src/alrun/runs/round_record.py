"""The record of a round, and the columns of the tables that it is a row of."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from alrun.runs import durations, stopping
from alrun.training.stop_rule import TrainResult


@dataclass(frozen=True)
class RoundRecord:
    """One row of accuracy.csv, measures.csv, stopping.csv and timing.csv, several of per_class.csv and per_group.csv.

    Accuracies are shares; seconds are wall time, device included; joules are the device's, NaN if it has no counter.
    """

    round: int
    labeled: int  # examples with a class
    test_accuracy: float
    calibration_error: float
    train_accuracy: float
    epochs: int
    steps: int
    stopped_by: str
    restarts: int
    device: str
    class_accuracy: list[float]  # test accuracy of each class; NaN for one without test examples
    class_labeled: list[int]  # labeled examples of each class
    train_seconds: float  # including what the strategy trained for itself after this round
    evaluate_seconds: float  # including what stopping criteria read
    select_seconds: float = 0.0  # pass over the pool and selection that followed this round
    train_joules: float = math.nan
    evaluate_joules: float = math.nan
    select_joules: float = math.nan
    energy_source: str = "none"  # see alrun.system.energy
    answers: int = -1  # paid for; -1: one for each labeled example, as in checkpoints of alrun 0.4 and before
    spent: float = math.nan  # what they cost; NaN: 1 each
    # On the test set, see alrun.training.evaluation; NaN in checkpoints of earlier versions.
    balanced_accuracy: float = math.nan
    macro_f1: float = math.nan
    worst_recall: float = math.nan
    rare_recall: float = math.nan
    nll: float = math.nan
    brier: float = math.nan
    # Of the labels, see alrun.pool.labeling_measures; in those checkpoints examples have classes and true labels.
    purity: float = 1.0
    strangers: int = 0
    wrong_labels: float = 0.0
    # Of this model and the one before it, see alrun.loop.stop_set; NaN in the first round and in those checkpoints.
    kappa: float = math.nan
    changed: float = math.nan
    uncertainty: float = math.nan
    delta_f: float = math.nan
    batch_accuracy: float = math.nan
    group_accuracy: dict[str, float] = field(default_factory=dict)  # test accuracy of each group, where there are any

    def __post_init__(self) -> None:
        if self.answers < 0:
            object.__setattr__(self, "answers", self.labeled)
        if math.isnan(self.spent):
            object.__setattr__(self, "spent", float(self.answers))

    @property
    def classes_found(self) -> int:
        """How many classes have a labeled example."""
        return sum(count > 0 for count in self.class_labeled)

    @property
    def row(self) -> dict[str, Any]:
        """All of the record by name."""
        return {**vars(self), "classes_found": self.classes_found}  # asdict would copy every number

    @property
    def trained(self) -> TrainResult:
        """How the round's model was trained."""
        return TrainResult(
            self.train_accuracy,
            self.epochs,
            self.steps,
            self.stopped_by,
            self.train_seconds,
            self.restarts,
            self.train_joules,
        )


COSTS = (*durations.PHASES, "train_joules", "evaluate_joules", "select_joules", "energy_source")
MEASURES = ("balanced_accuracy", "macro_f1", "worst_recall", "rare_recall", "nll", "brier")
MEASURES += ("purity", "strangers", "wrong_labels", "classes_found")
ANSWERS = ("answers", "spent")  # the last columns of accuracy.csv
BY_CLASS = ("class_accuracy", "class_labeled")
BY_GROUP = ("group_accuracy",)
_ELSEWHERE = COSTS + MEASURES + stopping.MEASURES + BY_CLASS + BY_GROUP
ACCURACY_COLUMNS = [f.name for f in fields(RoundRecord) if f.name not in _ELSEWHERE]
MEASURES_COLUMNS = ["round", "labeled", *MEASURES]
TIMING_COLUMNS = ["round", "labeled", *COSTS]
