"""How often the penalty matrix calls two strategies different that are alike: ``make false-positives``.

Made-up experiments (EXPERIMENTS=1000): both strategies have one true accuracy curve; repeats scatter around it, the
first round is shared. Printed are the share of tests that are significant, which must be alpha, and the chance that an
experiment has at least one such round, with and without Holm's correction.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from alrun.analysis.significance import holm, t_test
from tests.heavy.sizes import size

ALPHA, ROUNDS, STD = 0.05, 9, 0.005  # of a test; training rounds, the first one shared; of an accuracy over repeats


class Found(NamedTuple):
    """What simulated experiments have."""

    tests: int
    significant: int
    with_one: int  # experiments
    with_one_after_holm: int


def simulated(experiments: int, repeats: int, difference: float = 0.0) -> Found:
    """Two strategies whose true accuracies are ``difference`` apart."""
    rng = np.random.default_rng(repeats)
    shape = (repeats, experiments, ROUNDS)
    true = 0.9 - 0.4 * np.exp(-np.arange(ROUNDS) / 2)
    one, other = (true + shift + rng.normal(0, STD, shape) for shift in (0, difference))
    one[..., 0] = other[..., 0] = true[0]  # one first model
    _, p = t_test(one, other)
    significant = p < ALPHA
    corrected = sum((holm(experiment) < ALPHA).any() for experiment in p)
    return Found(experiments * (ROUNDS - 1), int(significant.sum()), int(significant.any(1).sum()), int(corrected))


@pytest.mark.parametrize("repeats", [3, 5, 10])
def test_alike_strategies_are_called_different_at_the_rate_of_alpha(repeats):
    experiments = size("EXPERIMENTS", 1000)
    found = simulated(experiments, repeats)
    low, high = stats.binomtest(found.significant, found.tests).proportion_ci(0.999)
    either, corrected = (100 * count / experiments for count in (found.with_one, found.with_one_after_holm))
    share = 100 * found.significant / found.tests
    print(f"{repeats} repeats: {share:.2f} % of tests; {either:.1f} % of experiments, {corrected:.1f} % after Holm")
    assert low <= ALPHA <= high
    assert stats.binomtest(found.with_one_after_holm, experiments, ALPHA, alternative="greater").pvalue > 0.001
    assert found.with_one_after_holm < found.with_one


def test_a_true_difference_is_found_more_often_with_more_repeats():
    few, many = (simulated(size("EXPERIMENTS", 1000), repeats, difference=STD) for repeats in (3, 10))
    assert ALPHA < few.significant / few.tests < many.significant / many.tests
