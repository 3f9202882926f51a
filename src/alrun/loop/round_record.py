"""The record of a round, from its training and its evaluation."""

import math
from dataclasses import asdict, replace

from alrun.loop.stop_set import StopMeasures
from alrun.pool.labeling_measures import LabelingMeasures
from alrun.pool.pool import Pool
from alrun.runs.round_record import RoundRecord
from alrun.system.device import Stopwatch
from alrun.training.evaluation import Evaluation
from alrun.training.stop_rule import TrainResult


def record_of(
    round: int,
    pool: Pool,
    held_out: int,
    counted: LabelingMeasures,
    trained: TrainResult,
    tested: Evaluation,
    stopping: StopMeasures,
    evaluation: Stopwatch,
) -> RoundRecord:
    """The record of ``round``, before its selection.

    Args:
        round: Its number.
        pool: The pool with the labeled set that was trained on.
        held_out: Labels of the budget that are not trained on; each is one answer that costs 1.
        counted: The measures of its labels.
        trained: The result of the training.
        tested: The result of the evaluation.
        stopping: What stopping criteria read.
        evaluation: Time and energy of the evaluation.
    """
    labels = pool.labels[pool.labeled.to(pool.device)]
    record = RoundRecord(
        round=round,
        labeled=len(labels) + held_out,
        test_accuracy=tested.accuracy,
        calibration_error=tested.calibration_error,
        train_accuracy=trained.accuracy,
        epochs=trained.epochs,
        steps=trained.steps,
        stopped_by=trained.stopped_by,
        restarts=trained.restarts,
        device=labels.device.type,
        class_accuracy=tested.class_accuracy,
        class_labeled=labels.cpu().bincount(minlength=len(tested.class_accuracy)).tolist(),
        train_seconds=trained.seconds,
        evaluate_seconds=evaluation.cost.seconds,
        train_joules=trained.joules,
        evaluate_joules=evaluation.cost.joules,
        select_joules=0 * evaluation.cost.joules,  # until there is a selection; NaN stays NaN
        energy_source=evaluation.meter.source,
        answers=pool.answers + held_out,
        spent=pool.spent + held_out,
        purity=counted.purity,
        strangers=counted.strangers,
        wrong_labels=counted.wrong_labels,
        **asdict(stopping),
    )
    return with_measures(record, tested)


def with_measures(record: RoundRecord, tested: Evaluation) -> RoundRecord:
    """``record`` with the measures of its test."""
    return replace(
        record,
        balanced_accuracy=tested.balanced_accuracy,
        macro_f1=tested.macro_f1,
        worst_recall=tested.worst_recall,
        rare_recall=tested.rare_recall,
        nll=tested.nll,
        brier=tested.brier,
        group_accuracy=tested.group_accuracy,
    )


def lacks_measures(record: RoundRecord) -> bool:
    """Whether ``record`` comes from a version that measured accuracy and calibration alone."""
    return math.isnan(record.nll) and not math.isnan(record.test_accuracy)
