"""What the next labels bring: a learning curve extrapolated from the rounds so far, with an interval.

The error rate is taken to fall as a power of the labels, or faster, or ever more slowly: its logarithm is a line in a
power of n, for many powers. Each is fitted by least squares, and they are averaged by how well each fits. That a curve
fits a few rounds does not say how wrong it is beyond: so the spread grows with the distance, and middle and ends of the
interval are quantiles of outcomes in other runs, in units of that spread (alrun.analysis.calibration). With a fixed
power a fit is linear, so there is no optimum to miss.

Source: of the power law and of heavier weights for later rounds, Figueroa et al., Predicting Sample Size Required for
Classification Performance, 2012. The family, the averaging and the calibration are ours.
"""

import math
from dataclasses import dataclass

import numpy as np

from alrun.analysis.efficiency import Curve

LEAST = 5  # rounds that a forecast needs
REACH = 2.0  # times the labels of the last round that a forecast reaches, or less: see ``farthest``
WIDEST = 0.15  # of the interval, as a share; a wider one says nothing
# Of the powers n^-c: 0 is log n, with which the error is a power law; beyond it levels off, below it falls faster.
EXPONENTS = (-0.5, -0.25, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# The residuals of a few rounds may be small by luck: as if one more had this size at least.
USUAL_ROUNDS, USUAL_RESIDUAL = 1.0, 0.005
FLOOR = 0.002  # of the error rate, whose logarithm is taken
# Quantiles of outcomes in units of the spread, of logarithms of error rates: a low one, the median and a high one, with
# which intervals hold nine of ten outcomes, also on data sets that are not among those that they come from. Computed
# by alrun.analysis.calibration on results/forecast/tuning.csv.
LOW, MIDDLE, HIGH = -2.32, 0.09, 2.14

Factors = tuple[float, float, float]


@dataclass(frozen=True)
class Forecast:
    """A forecast at some numbers of labels, as shares: the middle, and an interval that holds nine of ten outcomes."""

    labels: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


def log_error(accuracy: np.ndarray) -> np.ndarray:
    """The logarithm of the error rate."""
    return np.log(np.maximum(1 - accuracy, FLOOR))


def extrapolate(curve: Curve, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The log error rate at ``labels`` (k,): mean over powers, and spread: (k,) each.

    The spread is the standard deviation of a measurement there, times how many times the labels of the last round they
    are: without this factor, intervals near the last round hold too many outcomes, and far ones too few.
    """
    n, y = np.asarray(curve.labels, float), log_error(np.asarray(curve.accuracy, float))
    now = noise(y[-3:].mean())
    noises = np.maximum.accumulate(noise(y)) / now  # as if none were less noisy than one before it
    importance = (np.arange(1, len(n) + 1) / len(n)) ** 2
    means, variances, likelihoods = [], [], []
    for exponent in EXPONENTS:
        x, later = (power(each / n[-1], exponent) for each in (n, labels))
        start, slope, leverage = fit_line(x, y, importance / noises, later)
        residual = np.sum(importance / noises * (y - start - slope * x) ** 2) / importance.mean()
        variance = (residual + USUAL_ROUNDS * USUAL_RESIDUAL**2) / (len(n) - 2 + USUAL_ROUNDS)
        means.append(start + slope * later)
        variances.append(variance * (noise(means[-1]) / now + leverage))
        likelihoods.append(variance ** (-(len(n) + USUAL_ROUNDS) / 2))
    share = np.array(likelihoods) / np.sum(likelihoods)
    mean = share @ np.array(means)
    variance = share @ (np.array(variances) + (np.array(means) - mean) ** 2)
    return mean, np.sqrt(variance) * labels / n[-1]


def noise(log_errors: np.ndarray) -> np.ndarray:
    """The variance of a measured log error rate, up to a factor: (1 - e) / e, as of a binomial count of errors."""
    error = np.exp(log_errors).clip(FLOOR, 1 - 10 * FLOOR)
    return (1 - error) / error


def power(ratio: np.ndarray, exponent: float) -> np.ndarray:
    """(ratio^-exponent - 1) / exponent, which is -log(ratio) for 0: 0 at 1, and it falls with the ratio."""
    return -np.log(ratio) if exponent == 0 else (ratio**-exponent - 1) / exponent


def fit_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray, later: np.ndarray) -> tuple[float, float, np.ndarray]:
    """``start`` and ``slope`` >= 0 of start + slope x, by weighted least squares.

    The third is how uncertain the line is at ``later`` (k,), in variances of a measurement of weight 1: (k,).
    """
    design, of_later = (np.column_stack([np.ones_like(each), each]) for each in (x, later))
    inverse = np.linalg.inv(design.T @ (weight[:, None] * design))
    start, slope = inverse @ (design.T @ (weight * y))
    if slope < 0:  # an error that grows with the labels: the mean is the better guess
        return float(np.average(y, weights=weight)), 0.0, np.full(len(later), 1 / weight.sum())
    return float(start), float(slope), np.einsum("ij,jk,ik->i", of_later, inverse, of_later)


def predict(curve: Curve, labels: np.ndarray, factors: Factors = (LOW, MIDDLE, HIGH)) -> Forecast:
    """The forecast of ``curve`` at ``labels`` (k,), more than it has.

    Args:
        curve: The rounds so far, LEAST or more.
        labels: Within REACH.
        factors: Multiples of the spread at which the interval of the log error rate begins, has its middle, and ends.
    """
    labels = np.asarray(labels, float)
    mean, spread = extrapolate(curve, labels)
    high, middle, low = (1 - np.exp(np.minimum(mean + factor * spread, 0)) for factor in factors)
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
    last = curve.labels[-1]
    end = min(last + next_labels(curve), REACH * last)
    if farthest(curve) < end:
        found = predict(curve, np.array([end]))
        return f"its interval would be {100 * float(found.high[0] - found.low[0]):.0f} points wide"
    return None


def farthest(curve: Curve) -> float:
    """The number of labels up to which no interval is wider than WIDEST; that of the last round if the first one is."""
    found = predict(curve, numbers_ahead(curve, 100))
    too_wide = np.flatnonzero(found.high - found.low > WIDEST)
    if not len(too_wide):
        return float(found.labels[-1])
    return float(found.labels[too_wide[0] - 1]) if too_wide[0] else float(curve.labels[-1])


def numbers_ahead(curve: Curve, count: int) -> np.ndarray:
    """``count`` numbers of labels after the last round, evenly spaced, up to the end of REACH."""
    return np.linspace(1, REACH, count + 1)[1:] * float(curve.labels[-1])


def next_labels(curve: Curve) -> int:
    """The number of labels that a forecast looks ahead: about half of those there are, in whole rounds."""
    batch = max(1, int(curve.labels[-1] - curve.labels[-2]))
    return batch * max(1, round(curve.labels[-1] / 2 / batch))


def next_target(accuracy: float) -> float:
    """The next round number above an accuracy: 85 %, 90 %, 95 %, 96 %, ..., 99 %, 99.5 %."""
    step = 0.05 if accuracy < 0.95 else 0.01 if accuracy < 0.99 else 0.005
    return min(1.0, step * (math.floor(accuracy / step + 1e-9) + 1))


def labels_for(curve: Curve, accuracy: float) -> tuple[float, float]:
    """Labels that ``accuracy`` needs, at least and at most; infinite beyond ``farthest``."""
    ahead = numbers_ahead(curve, 1000)
    ahead = predict(curve, ahead[ahead <= farthest(curve)])
    reached = (ahead.labels[bound >= accuracy] for bound in (ahead.high, ahead.low))
    least, most = (float(found[0]) if len(found) else math.inf for found in reached)
    return least, most


def in_words(curve: Curve, ahead: int | None = None, accuracy: float | None = None, price: float | None = None) -> str:
    """``the next 500 labels: +1.2 points (0.6 to 1.9); 90 % needs 2,100 to 3,400 labels``.

    Args:
        curve: One that a forecast can be made of: see reason_to_withhold.
        ahead: Labels to look ahead, as far as ``farthest``; None: next_labels.
        accuracy: To say what it needs, above that of the last round; None: next_target.
        price: Of a label, to say what both cost.
    """
    now, last = float(curve.accuracy[-1]), int(curve.labels[-1])
    ahead = min(next_labels(curve) if ahead is None else ahead, int(farthest(curve)) - last)
    found = predict(curve, np.array([last + ahead]))
    middle, low, high = (100 * float(values[0] - now) for values in (found.middle, found.low, found.high))
    cost = "" if price is None else f", for {price * ahead:,.2f}"
    accuracy = next_target(now) if accuracy is None else accuracy
    return (
        f"the next {ahead:,} {curve.unit}{cost}: {middle:+.1f} points ({low:.1f} to {high:.1f}); "
        f"{100 * accuracy:g} % {needed_in_words(curve, accuracy, price)}"
    )


def needed_in_words(curve: Curve, accuracy: float, price: float | None) -> str:
    """``needs 2,100 to 3,400 labels``, in all, and with a price what those still to come cost."""
    if accuracy <= curve.accuracy[-1]:
        return "is reached"
    least, most = labels_for(curve, accuracy)
    last = int(curve.labels[-1])
    if math.isinf(least):
        return f"needs more than {int(farthest(curve)):,} {curve.unit}"
    if math.isinf(most):
        cost = "" if price is None else f" ({price * (least - last):,.2f} more, or beyond)"
        return f"needs {round(least):,} {curve.unit} or more{cost}"
    cost = "" if price is None else f" ({price * (least - last):,.2f} to {price * (most - last):,.2f} more)"
    return f"needs {round(least):,} to {round(most):,} {curve.unit}{cost}"


def describe(curve: Curve, price: float | None = None) -> str:
    """The forecast in words, or why there is none."""
    reason = reason_to_withhold(curve)
    return f"no forecast: {reason}" if reason else in_words(curve, price=price)
