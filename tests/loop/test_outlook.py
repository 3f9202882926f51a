"""What a run says of its rounds to come."""

import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from alrun.analysis import forecast
from alrun.analysis.efficiency import Curve
from alrun.loop import outlook
from alrun.runs.round_record import RoundRecord


def records(accuracy: list[float], price: float = 1.0) -> list[RoundRecord]:
    one = RoundRecord(0, 10, 0.5, 0.1, 0.9, 3, 3, "accuracy", 0, "cpu", [0.5], [10], 1.0, 0.1)
    return [
        replace(one, round=k, labeled=10 * k + 10, answers=10 * k + 10, spent=price * (10 * k + 10), test_accuracy=each)
        for k, each in enumerate(accuracy)
    ]


CURVE = [0.9 - 1.2 * (10 * k + 10) ** -0.5 for k in range(7)]


@pytest.mark.parametrize("price", [1.0, 0.25])
def test_a_run_says_in_its_log_what_more_labels_would_bring_and_cost(caplog, price):
    caplog.set_level(logging.INFO)
    outlook.log_forecast(records(CURVE, price), with_reason=False)
    curve = Curve(np.arange(10, 80, 10), np.array(CURVE))
    (found,) = caplog.messages
    assert found == forecast.in_words(curve, price=None if price == 1 else price)
    assert ("for 10.00" in found) == (price != 1)


def test_people_are_told_why_there_is_no_forecast_and_others_are_not(caplog):
    caplog.set_level(logging.INFO)
    outlook.log_forecast(records([math.nan] * 6), with_reason=False)
    outlook.log_forecast(records([math.nan] * 6), with_reason=True)
    assert caplog.messages == ["no forecast: there is no test accuracy to extrapolate; give a test set"]


def test_criteria_are_named_when_they_say_stop(caplog):
    caplog.set_level(logging.INFO)
    outlook.log_criteria(records(CURVE), with_none=False)
    outlook.log_criteria(records(CURVE[:1]), with_none=True)
    assert not caplog.messages
    outlook.log_criteria(records(CURVE), with_none=True)
    assert caplog.messages == ["round 6: 0 of 5 stopping criteria say stop"]
    caplog.clear()
    outlook.log_criteria([replace(record, batch_accuracy=0.95) for record in records(CURVE)], with_none=False)
    assert caplog.messages == ["round 6: 1 of 5 stopping criteria says stop (selected_set)"]
