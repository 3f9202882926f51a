"""Which strategy suits some data, from replays on what is labeled: differences to random sampling, in words."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95  # of all intervals together


class Difference(NamedTuple):
    """A strategy against random sampling: the mean difference over repeats, and its interval."""

    mean: float
    low: float
    high: float


def area(labels: Sequence[float], accuracy: Sequence[float]) -> float:
    """The area under a learning curve, divided by the range of labels: a mean accuracy along the budget."""
    return float(np.trapezoid(accuracy, labels) / (labels[-1] - labels[0]))


def corrected_interval(differences: Sequence[float], test_share: float, confidence: float) -> Difference:
    """The mean of paired differences of repeats that divide the same examples, with an interval that allows for it.

    Args:
        differences: One of each repeat, two or more.
        test_share: Test examples for each training example: repeats have examples in common, so their variance says
            too little, and this is added to 1 / repeats.
        confidence: Of the interval.

    Source: Nadeau and Bengio, Inference for the Generalization Error, 2003, Section 3.
    """
    from scipy.special import stdtrit

    count, mean = len(differences), float(np.mean(differences))
    error = math.sqrt((1 / count + test_share) * float(np.var(differences, ddof=1)))
    half = float(stdtrit(count - 1, (1 + confidence) / 2)) * error
    return Difference(mean, mean - half, mean + half)


def compare_with_random(areas: Mapping[str, Sequence[float]], test_share: float) -> dict[str, Difference]:
    """The difference to random of each other strategy; the intervals hold together (Bonferroni)."""
    others = [name for name in areas if name != "random"]
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(others))
    return {
        name: corrected_interval(np.subtract(areas[name], areas["random"]).tolist(), test_share, confidence)
        for name in others
    }


def advise(differences: Mapping[str, Difference]) -> str:
    """The answer, in a sentence."""
    better = {name: each for name, each in differences.items() if each.low > 0}
    worse = [name for name, each in differences.items() if each.high < 0]
    beside = f" Worse than random here: {', '.join(worse)}." if worse else ""
    if not better:
        widest = max(each.high for each in differences.values())
        most = f" None gains more than {100 * widest:.1f} points." if widest > 0 else ""
        return f"No strategy is shown to be better than random on these labels.{most}{beside}"
    best = max(better, key=lambda name: better[name].mean)
    tied = [name for name in better if name != best and better[name].high > better[best].mean]
    text = f"{best}: {difference_in_words(better[best])} over random."
    also = f" {', '.join(tied)} may be as good." if tied else ""
    return f"{text}{also}{beside}"


def difference_in_words(found: Difference) -> str:
    """``+1.4 points (0.2 to 2.6)``."""
    mean, low, high = (100 * value for value in found)
    return f"{mean:+.1f} points ({low:.1f} to {high:.1f})"
