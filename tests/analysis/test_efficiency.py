import math

import numpy as np
import pandas as pd
import pytest

from alrun.analysis.efficiency import Curve, accuracy_grid, labeling_efficiency, labels_needed

CURVE = Curve(np.array([100, 200, 300, 400]), np.array([0.5, 0.7, 0.6, 0.8]))


@pytest.mark.parametrize(
    ("accuracy", "labels"),
    [
        (0.4, 100),  # reached at the start
        (0.5, 100),
        (0.6, 150),  # half way, where the curve first crosses; that it falls back later does not matter
        (0.7, 200),
        (0.75, 375),
        (0.8, 400),
        (0.81, math.nan),
    ],
)
def test_labels_needed_are_read_at_the_first_crossing(accuracy, labels):
    assert labels_needed(CURVE, accuracy) == pytest.approx(labels, nan_ok=True)


def test_efficiency_is_random_over_strategy():
    twice_as_fast = Curve(np.array([50, 100, 150, 200]), CURVE.accuracy)
    for accuracy in (0.5, 0.66, 0.8):
        assert labeling_efficiency(twice_as_fast, CURVE, accuracy) == pytest.approx(2)
    assert math.isnan(labeling_efficiency(twice_as_fast, CURVE, 0.9))


def test_the_grid_runs_from_the_first_accuracy_to_the_best():
    assert accuracy_grid(CURVE) == pytest.approx(np.linspace(0.5, 0.8, 20))


@pytest.mark.parametrize("panel", ["CIFAR-10 ResNet-18", "CIFAR-100 ResNet-18"])
def test_the_published_efficiency_of_badge_follows_from_the_published_accuracy(reference, panel):
    """Figure 1: the accuracy and the efficiency plots are independent digitisations of the same runs."""
    data = pd.read_csv(reference / "figure_curves.csv").query("figure == 'fig1' and panel == @panel")
    curves = {
        series: Curve(frame.x.to_numpy(), frame.y.to_numpy())
        for series, frame in data[data.kind == "accuracy"].sort_values("x").groupby("series")
    }
    published = data[(data.kind == "labeling_efficiency") & (data.series == "badge") & (data.hidden == 0)]
    ours = [labeling_efficiency(curves["badge"], curves["random"], accuracy) for accuracy in published.x]
    error = np.abs(np.array(ours) - published.y)
    assert error.notna().sum() >= 10
    assert error.mean() < 0.015
