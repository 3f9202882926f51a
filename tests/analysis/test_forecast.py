"""Forecasts: exact on power laws, honest about noise, and calibrated on runs that they have not seen."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from alrun.analysis import calibration, forecast, result_files
from alrun.analysis.efficiency import Curve

RESULTS = Path(__file__).resolve().parents[2] / "results" / "forecast"
LABELS = np.arange(100, 1100, 100)


def power(n: np.ndarray, best: float = 0.95, fall: float = 4.0, exponent: float = 0.5) -> np.ndarray:
    return best - fall * n**-exponent


@pytest.mark.parametrize("best", [1.0, 0.95])
def test_a_power_law_is_continued_as_scipy_continues_it(best):
    later = np.array([1100.0, 1500.0, 2000.0])
    (top, fall, exponent), _ = curve_fit(power, LABELS, power(LABELS, best), p0=(1, 1, 1))
    found = forecast.predict(Curve(LABELS, power(LABELS, best)), later)
    assert found.middle == pytest.approx(power(later, top, fall, exponent), abs=0.004)
    assert (found.low <= power(later, best)).all()
    assert (power(later, best) <= found.high).all()


@pytest.mark.parametrize("exponent", [-0.25, 0.0, 1.0])
def test_a_line_in_a_power_is_the_weighted_least_squares_of_numpy(exponent):
    x, later = forecast.power(LABELS / 1000, exponent), forecast.power(np.array([1.1, 2.0]), exponent)
    y = forecast.log_error(power(LABELS)) + 0.01 * np.random.default_rng(0).normal(size=len(LABELS))
    weight = np.arange(1, 11) / 10
    start, slope, leverage = forecast.fit_line(x, y, weight, later)
    (high, low), unscaled = np.polyfit(x, y, 1, w=np.sqrt(weight), cov="unscaled")
    assert (start, slope) == pytest.approx((low, high))
    rows = np.column_stack([later, np.ones(2)])
    assert leverage == pytest.approx(np.diag(rows @ unscaled @ rows.T))


def test_powers_meet_the_logarithm_at_0():
    ratio = np.array([0.1, 0.5, 1.0, 1.9])
    assert forecast.power(ratio, 0) == pytest.approx(forecast.power(ratio, 1e-6), abs=1e-4)
    assert (np.diff(forecast.power(ratio, 0.5)) < 0).all()


def test_noise_and_distance_widen_the_interval():
    draws = np.random.default_rng(1)
    later = np.array([1100.0, 2000.0])
    calm = forecast.predict(Curve(LABELS, power(LABELS)), later)
    noisy = forecast.predict(Curve(LABELS, power(LABELS) + 0.02 * draws.normal(size=len(LABELS))), later)
    for found in (calm, noisy):
        near, far = found.high - found.low
        assert far > near
    assert (noisy.high - noisy.low > 2 * (calm.high - calm.low)).all()
    assert noisy.high.max() <= 1


def test_one_noisy_round_among_the_first_matters_less_than_among_the_last():
    """Later rounds weigh more (Figueroa et al. 2012)."""
    moved = []
    for position in (1, -2):
        accuracy = power(LABELS)
        accuracy[position] += 0.01
        found = forecast.predict(Curve(LABELS, accuracy), np.array([1500.0]))
        moved.append(abs(found.middle[0] - power(np.array([1500.0]))[0]))
    assert moved[0] < moved[1]


def test_what_an_accuracy_needs_is_where_the_bounds_reach_it():
    curve = Curve(LABELS, power(LABELS))
    least, most = forecast.labels_for(curve, 0.84)
    exact = (4.0 / (0.95 - 0.84)) ** 2
    assert least < exact < most
    ahead = forecast.predict(curve, np.array([least, most]))
    assert ahead.high[0] == pytest.approx(0.84, abs=1e-3)
    assert ahead.low[1] == pytest.approx(0.84, abs=1e-3)
    assert forecast.labels_for(curve, 0.94) == (math.inf, math.inf)


def test_the_sentence_has_gain_need_and_money():
    text = forecast.in_words(Curve(LABELS, power(LABELS)), ahead=400, accuracy=0.84, price=0.5)
    gain = 100 * (power(np.array([1400.0])) - power(np.array([1000.0])))[0]
    assert text.startswith(f"the next 400 labels, for 200.00: {gain:+.1f} points (")
    assert "; 84 % needs 1," in text
    assert text.endswith(" more)")
    assert "is reached" in forecast.in_words(Curve(LABELS, power(LABELS)), accuracy=0.5)
    assert "needs more than 2,000 labels" in forecast.in_words(Curve(LABELS, power(LABELS)), accuracy=0.99)


@pytest.mark.parametrize(
    ("accuracy", "target"), [(0.5, 0.55), (0.849, 0.85), (0.9, 0.95), (0.953, 0.96), (0.992, 0.995)]
)
def test_the_next_target_is_a_round_number(accuracy, target):
    assert forecast.next_target(accuracy) == pytest.approx(target)


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (power(LABELS)[:4], "needs 5 rounds, and there are 4"),
        (power(LABELS)[::-1], "fallen"),
        (np.full(10, math.nan), "no test accuracy"),
        (0.5 + 0.3 * np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), "points wide"),
    ],
)
def test_a_forecast_that_cannot_be_trusted_is_withheld(accuracy, reason):
    assert reason in forecast.describe(Curve(LABELS[: len(accuracy)], accuracy))


def made_runs(noise: float, runs: int, seed: int, dataset: str) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    parts = []
    for run in range(runs):
        accuracy = power(LABELS, exponent=draws.uniform(0.4, 0.6)) + noise * draws.normal(size=len(LABELS))
        part = {"run": f"{dataset}/{run}", "dataset": dataset, "round": range(10), "labeled": LABELS}
        parts.append(pd.DataFrame({**part, "test_accuracy": accuracy.clip(0, 1)}))
    return pd.concat(parts)


def test_calibrated_factors_hold_nine_of_ten_outcomes_of_runs_like_those():
    factors = calibration.calibrate(
        calibration.outcomes(pd.concat(made_runs(0.01, 25, seed, f"set{seed}") for seed in range(3)), True)
    )
    others = calibration.outcomes(made_runs(0.01, 80, 9, "other"), True)
    found = calibration.coverage(others, factors)
    assert 0.87 < found.share < 0.94
    assert found.low < found.share < found.high
    narrow = calibration.coverage(others, (-0.1, 0.0, 0.1))
    assert narrow.share < 0.2


def test_coverage_counts_runs_not_rounds():
    found = pd.DataFrame(
        {
            "dataset": "a",
            "run": ["long"] * 9 + ["short"],
            "mean": -2.0,
            "outcome": [-2.0] * 9 + [3.0],
            "spread": 1.0,
            "given": True,
        }
    )
    one = calibration.coverage(found, (-1, 0, 1))
    assert (one.share, one.runs, one.forecasts) == (0.5, 2, 10)


def test_the_factors_are_those_of_the_tuning_runs():
    found = calibration.calibrate(
        calibration.outcomes(result_files.read_results(RESULTS / "tuning.csv"), with_withheld=True)
    )
    assert found == pytest.approx((forecast.LOW, forecast.MIDDLE, forecast.HIGH), abs=0.01)


def test_intervals_hold_what_came_on_data_sets_left_out_of_the_tuning():
    table = result_files.read_results(RESULTS / "left_out.csv")
    assert not set(table["dataset"]) & set(result_files.read_results(RESULTS / "tuning.csv")["dataset"])
    outcomes = calibration.outcomes(table)
    found = calibration.coverage(outcomes)
    print(f"{100 * found.share:.1f} % of {found.forecasts} forecasts of {found.runs} runs")
    assert 0.85 < found.share < 0.95
    far = calibration.coverage(outcomes[outcomes["reach"] > 1.5])
    assert 0.85 < far.share < 0.95


def test_errors_are_counted_so_few_errors_are_noisier_than_many():
    """The spread of the logarithm of a binomial share, drawn."""
    draws = np.random.default_rng(4)
    spreads = [np.log(draws.binomial(2000, error, 20_000) / 2000).var() for error in (0.05, 0.3)]
    few, many = forecast.noise(np.log([0.05, 0.3]))
    assert few / many == pytest.approx(spreads[0] / spreads[1], rel=0.05)


def test_middle_and_ends_are_quantiles_of_what_came_and_far_intervals_are_as_often_right_as_near_ones():
    """Drawn outcomes whose distance from the middle grows with the reach, as in the tuning runs."""
    draws = np.random.default_rng(2)
    reach = draws.uniform(1, 2, 20_000)
    found = pd.DataFrame({"dataset": "a", "run": np.arange(20_000) // 10, "mean": -1.0, "spread": 0.1 * reach})
    found["outcome"] = found["mean"] + found["spread"] * draws.normal(0.5, 1.0, len(found))
    low, middle, high = calibration.quantiles([found], 0.05)
    assert (low, middle, high) == pytest.approx((0.5 - 1.645, 0.5, 0.5 + 1.645), abs=0.04)
    curve = Curve(LABELS, power(LABELS))
    ahead = np.array([1200.0, 1800.0])
    mean, spread = forecast.extrapolate(curve, ahead)
    made = forecast.predict(curve, ahead, (low, middle, high))
    for bound, factor in ((made.high, low), (made.middle, middle), (made.low, high)):
        assert bound == pytest.approx(1 - np.exp(mean + factor * spread))


def test_a_forecast_reaches_as_far_as_its_interval_is_narrow_enough(monkeypatch):
    curve = Curve(LABELS, power(LABELS))
    assert forecast.farthest(curve) == 2000
    assert forecast.labels_for(curve, 0.857)[0] > 1600
    width = np.subtract(*[getattr(forecast.predict(curve, np.array([1600.0])), end)[0] for end in ("high", "low")])
    monkeypatch.setattr(forecast, "WIDEST", width + 1e-9)
    assert forecast.farthest(curve) == 1600
    assert forecast.reason_to_withhold(curve) is None
    assert forecast.labels_for(curve, 0.857) == (math.inf, math.inf)
    assert "needs more than 1,600 labels" in forecast.in_words(curve, accuracy=0.857)
    monkeypatch.setattr(forecast, "WIDEST", 1e-9)
    assert forecast.farthest(curve) == 1000
    assert "points wide" in str(forecast.reason_to_withhold(curve))
