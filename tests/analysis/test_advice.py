"""Advice from replays: intervals by hand, and words that follow from them."""

import math

import numpy as np
import pytest
from scipy import stats

from alrun.analysis import advice
from alrun.analysis.advice import Difference


def test_the_area_is_a_mean_along_the_labels():
    assert advice.area([10, 20, 40], [0.5, 0.7, 0.9]) == pytest.approx((10 * 0.6 + 20 * 0.8) / 30)


def test_the_interval_allows_for_repeats_that_share_their_examples():
    differences = [0.01, 0.03, 0.02, 0.05]
    mean, variance = np.mean(differences), np.var(differences, ddof=1)
    half = stats.t.ppf(0.975, 3) * math.sqrt((1 / 4 + 3 / 7) * variance)
    assert advice.corrected_interval(differences, 3 / 7, 0.95) == pytest.approx((mean, mean - half, mean + half))
    plain = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert advice.corrected_interval(differences, 0, 0.95)[1:] == pytest.approx((plain.low, plain.high))


def test_several_intervals_hold_together():
    areas = {"random": [0.5, 0.52, 0.51], "a": [0.6, 0.61, 0.63], "b": [0.5, 0.53, 0.5]}
    found = advice.compare_with_random(areas, 0.4)
    assert list(found) == ["a", "b"]
    assert found["a"] == advice.corrected_interval(np.subtract(areas["a"], areas["random"]), 0.4, 0.975)


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (
            {"a": Difference(0.01, -0.01, 0.03), "b": Difference(-0.05, -0.08, -0.02)},
            "No strategy is shown to be better than random on these labels. None gains more than 3.0 points. "
            "Worse than random here: b.",
        ),
        (
            {
                "a": Difference(0.03, 0.01, 0.05),
                "b": Difference(0.025, 0.01, 0.04),
                "c": Difference(0.01, 0.005, 0.015),
            },
            "a: +3.0 points (1.0 to 5.0) over random. b may be as good.",
        ),
    ],
)
def test_the_answer_follows_from_the_intervals(found, answer):
    assert advice.advise(found) == answer
