"""How often the penalty matrix calls two strategies different that are alike, over 1,000 made-up experiments.

Both strategies have one true accuracy curve; repeats scatter around it, the first round is shared. Printed are the
share of tests that are significant, which must be alpha, and the chance that an experiment has at least one such round,
with and without Holm's correction. ``--difference`` makes one strategy better: then the same numbers are the power.
"""

import argparse
import gc

import numpy as np
from scipy import stats

from alrun.analysis.significance import holm, t_test


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--repeats", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--rounds", type=int, default=9, help="training rounds, the first one shared (default: 9)")
    parser.add_argument("--std", type=float, default=0.005, help="of the accuracy over repeats (default: 0.005)")
    parser.add_argument("--difference", type=float, default=0.0, help="of the true accuracies (default: 0)")
    parser.add_argument("--alpha", type=float, default=0.05)
    chosen = parser.parse_args()
    holm(np.ones(1))  # imports statsmodels, ...
    gc.freeze()  # ... which collects garbage in every call: nothing of what is loaded is looked at again
    print(
        f"{chosen.experiments} experiments of {chosen.rounds} rounds, true difference {chosen.difference:g}, standard "
        f"deviation {chosen.std:g} over repeats, alpha = {chosen.alpha:g}"
    )
    print("repeats   significant tests (95 % interval)   experiments with one   with one after Holm")
    for repeats in chosen.repeats:
        tests, either, corrected = simulate(chosen, repeats)
        print(
            f"{repeats:7d}   {rate(tests, chosen.experiments * (chosen.rounds - 1)):>33}   "
            f"{100 * either / chosen.experiments:18.1f} %   {100 * corrected / chosen.experiments:17.1f} %"
        )


def simulate(chosen: argparse.Namespace, repeats: int) -> tuple[int, int, int]:
    """Significant rounds of all experiments; experiments with any; experiments with any after the correction."""
    rng = np.random.default_rng(repeats)
    shape = (repeats, chosen.experiments, chosen.rounds)
    true = 0.9 - 0.4 * np.exp(-np.arange(chosen.rounds) / 2)
    one, other = (true + shift + rng.normal(0, chosen.std, shape) for shift in (0, chosen.difference))
    one[..., 0] = other[..., 0] = true[0]  # one first model
    _, p = t_test(one, other)
    significant = p < chosen.alpha
    corrected = [(holm(experiment) < chosen.alpha).any() for experiment in p]
    return int(significant.sum()), int(significant.any(1).sum()), sum(corrected)


def rate(count: int, tests: int) -> str:
    """A share with its exact interval."""
    low, high = stats.binomtest(count, tests).proportion_ci()
    return f"{100 * count / tests:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


if __name__ == "__main__":
    main()
