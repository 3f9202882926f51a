"""What a run says of its rounds to come: which stopping criteria say stop, and what more labels would bring."""

import logging
from collections.abc import Sequence

import numpy as np

from alrun.analysis import forecast
from alrun.analysis.efficiency import Curve, unit_of
from alrun.runs import stopping
from alrun.runs.round_record import RoundRecord

log = logging.getLogger(__name__)


def log_criteria(records: Sequence[RoundRecord], with_none: bool) -> None:
    """Log the stopping criteria that say stop after the last of ``records``; where none does, only ``with_none``.

    The first round has none to compare with.
    """
    named = stopping.say_stop([record.row for record in records])
    if named or (with_none and len(records) > 1):
        log.info("round %d: %s", records[-1].round, stopping.in_words(named))


def log_forecast(records: Sequence[RoundRecord], with_reason: bool) -> None:
    """Log what more labels would bring; where that cannot be said, why not ``with_reason``, else nothing."""
    answers = np.array([record.answers for record in records])
    unit = unit_of(answers, np.array([record.labeled for record in records]))
    curve = Curve(answers, np.array([record.test_accuracy for record in records]), unit)
    price = records[-1].spent / records[-1].answers
    if with_reason or forecast.reason_to_withhold(curve) is None:
        log.info("%s", forecast.describe(curve, None if price == 1 else price))
