"""What the next labels bring: a learning curve extrapolated from the rounds so far, with an interval.

Inverse power laws a - b n^-c of many exponents c are fitted to the rounds, averaged by how well each fits, and widened
by factors that were calibrated on other runs (alrun.analysis.calibration): that a curve fits a few rounds does not say
how wrong it is beyond. With a fixed exponent a fit is linear, so there is no optimum to miss.

Source: of the power law and of heavier weights for later rounds, Figueroa et al., Predicting Sample Size Required for
Classification Performance, 2012. The averaging and the calibration are ours.
"""

import math
from dataclasses import dataclass

import numpy as np

from alrun.analysis.efficiency import Curve

LEAST = 5  # rounds that a forecast needs
REACH = 2.0  # a forecast reaches up to so many times the labels of the last round
WIDEST = 0.15  # of the interval, as a share; a wider one says nothing
EXPONENTS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
# The residuals of a few rounds may be small by luck: as if so many more had a usual size, a share of the error rate.
USUAL_ROUNDS, USUAL_RESIDUAL = 3.0, 0.02
# Quantiles 5 % and 95 % of errors in units of the spread: alrun.analysis.calibration on results/forecast/tuning.csv.
LOW, HIGH = -2.91, 1.72

Factors = tuple[float, float]


@dataclass(frozen=True)
class Forecast:
    """A forecast at some numbers of labels, as shares: the middle, and an interval that holds nine of ten outcomes."""

    labels: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


def extrapolate(curve: Curve, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (k,) of all power laws at ``labels`` (k,), and the standard deviation of a measurement about it (k,)."""
    n, a = np.asarray(curve.labels, float), np.asarray(curve.accuracy, float)
    weight = np.arange(1, len(n) + 1) / len(n)
    floor = USUAL_RESIDUAL * max(1 - a[-3:].mean(), 0.01)
    means, variances, likelihoods = [], [], []
    for exponent in EXPONENTS:
        x, later = (n / n[-1]) ** -exponent, (labels / n[-1]) ** -exponent
        design = np.column_stack([np.ones_like(n), -x])
        scaled = design * np.sqrt(weight)[:, None]
        inverse = np.linalg.inv(scaled.T @ scaled)
        constant, fall = inverse @ (scaled.T @ (a * np.sqrt(weight)))
        if fall < 0:  # accuracy that falls with more labels: the constant alone is the better guess
            constant, fall = np.average(a, weights=weight), 0.0
        residual = np.sum(weight * (a - constant + fall * x) ** 2) / weight.mean()
        variance = (residual + USUAL_ROUNDS * floor**2) / (len(n) - 2 + USUAL_ROUNDS)
        of_later = np.column_stack([np.ones_like(later), -later])
        leverage = np.einsum("ij,jk,ik->i", of_later, inverse, of_later)
        means.append(np.minimum(constant - fall * later, 1.0))
        variances.append(variance * (1 + leverage))
        likelihoods.append(variance ** (-(len(n) + USUAL_ROUNDS) / 2))
    share = np.array(likelihoods) / np.sum(likelihoods)
    mean = share @ np.array(means)
    variance = share @ (np.array(variances) + (np.array(means) - mean) ** 2)
    return mean, np.sqrt(variance)


def predict(curve: Curve, labels: np.ndarray, factors: Factors = (LOW, HIGH)) -> Forecast:
    """The forecast of ``curve`` at ``labels`` (k,), more than it has.

    Args:
        curve: The rounds so far, LEAST or more.
        labels: Within REACH.
        factors: Multiples of the spread at which the interval begins and ends.
    """
    labels = np.asarray(labels, float)
    middle, spread = extrapolate(curve, labels)
    low, high = (np.clip(middle + factor * spread, 0, 1) for factor in factors)
    return Forecast(labels, middle, low, high)


def reason_to_withhold(curve: Curve) -> str | None:
    """Why no forecast of ``curve`` can be trusted, in words; None if one can."""
    count = len(curve.labels)
    if not count or np.isnan(curve.accuracy).any():
        return "there is no test accuracy to extrapolate; give a test set"
    if count < LEAST:
        return f"it needs {LEAST} rounds, and there {'is' if count == 1 else 'are'} {count}"
    half = count // 2
    if np.mean(curve.accuracy[half:]) < np.mean(curve.accuracy[:half]):
        return "accuracy has fallen with more labels"
    end = predict(curve, np.array([REACH * curve.labels[-1]]))
    if (width := float(end.high[0] - end.low[0])) > WIDEST:
        return f"its interval would be {100 * width:.0f} points wide"
    return None


def next_labels(curve: Curve) -> int:
    """The number of labels that a forecast looks ahead: about half of those there are, in whole rounds."""
    batch = max(1, int(curve.labels[-1] - curve.labels[-2]))
    return batch * max(1, round(curve.labels[-1] / 2 / batch))


def next_target(accuracy: float) -> float:
    """The next round number above an accuracy: 85 %, 90 %, 95 %, 96 %, ..., 99 %, 99.5 %."""
    step = 0.05 if accuracy < 0.95 else 0.01 if accuracy < 0.99 else 0.005
    return min(1.0, step * (math.floor(accuracy / step + 1e-9) + 1))


def labels_for(curve: Curve, accuracy: float) -> tuple[float, float]:
    """Labels that ``accuracy`` needs, at least and at most; infinite beyond REACH."""
    last = float(curve.labels[-1])
    ahead = predict(curve, np.linspace(last, REACH * last, 1001)[1:])
    reached = (ahead.labels[bound >= accuracy] for bound in (ahead.high, ahead.low))
    least, most = (float(found[0]) if len(found) else math.inf for found in reached)
    return least, most


def in_words(curve: Curve, ahead: int | None = None, accuracy: float | None = None, price: float | None = None) -> str:
    """``the next 500 labels: +1.2 points (0.6 to 1.9); 90 % needs 2,100 to 3,400 labels``.

    Args:
        curve: One that a forecast can be made of: see reason_to_withhold.
        ahead: Labels to look ahead; None: next_labels.
        accuracy: To say what it needs, above that of the last round; None: next_target.
        price: Of a label, to say what both cost.
    """
    now, last = float(curve.accuracy[-1]), int(curve.labels[-1])
    ahead = min(next_labels(curve) if ahead is None else ahead, int((REACH - 1) * last))
    found = predict(curve, np.array([last + ahead]))
    middle, low, high = (100 * float(values[0] - now) for values in (found.middle, found.low, found.high))
    cost = "" if price is None else f", for {price * ahead:,.2f}"
    accuracy = next_target(now) if accuracy is None else accuracy
    return (
        f"the next {ahead:,} labels{cost}: {middle:+.1f} points ({low:.1f} to {high:.1f}); "
        f"{100 * accuracy:g} % {needed_in_words(curve, accuracy, price)}"
    )


def needed_in_words(curve: Curve, accuracy: float, price: float | None) -> str:
    """``needs 2,100 to 3,400 labels``, in all, and with a price what those still to come cost."""
    if accuracy <= curve.accuracy[-1]:
        return "is reached"
    least, most = labels_for(curve, accuracy)
    last = int(curve.labels[-1])
    if math.isinf(least):
        return f"needs more than {int(REACH * last):,} labels"
    if math.isinf(most):
        cost = "" if price is None else f" ({price * (least - last):,.2f} more, or beyond)"
        return f"needs {round(least):,} labels or more{cost}"
    cost = "" if price is None else f" ({price * (least - last):,.2f} to {price * (most - last):,.2f} more)"
    return f"needs {round(least):,} to {round(most):,} labels{cost}"


def describe(curve: Curve, price: float | None = None) -> str:
    """The forecast in words, or why there is none."""
    reason = reason_to_withhold(curve)
    return f"no forecast: {reason}" if reason else in_words(curve, price=price)
