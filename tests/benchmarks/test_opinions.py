"""Models of annotators in the benchmark of opinions: Dawid and Skene's against loops over its formulas."""

import math

import numpy as np
import pytest

from alrun.pool.annotator import majority
from benchmarks.opinions import dawid_skene, gain


def slow(opinions: np.ndarray, classes: int, steps: int) -> list[int]:
    """The model with loops: opinions (k, m), each entry of a table smoothed by 0.01, products instead of logarithms."""
    annotators, count = opinions.shape
    belief = [[sum(opinions[:, i] == c) / annotators for c in range(classes)] for i in range(count)]
    for _ in range(steps):
        prior = [sum(row[c] for row in belief) / count for c in range(classes)]
        tables = []
        for answers in opinions:
            table = [
                [0.01 + sum(belief[i][c] for i in range(count) if answers[i] == d) for d in range(classes)]
                for c in range(classes)
            ]
            tables.append([[cell / sum(row) for cell in row] for row in table])
        belief = []
        for i in range(count):
            weights = [
                prior[c] * math.prod(table[c][answers[i]] for table, answers in zip(tables, opinions, strict=True))
                for c in range(classes)
            ]
            belief.append([weight / sum(weights) for weight in weights])
    return [max(range(classes), key=row.__getitem__) for row in belief]


def asked(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True labels (m,), and opinions (3, m) of one who is nearly always right and two who mostly guess."""
    draws = np.random.default_rng(seed)
    truth = draws.integers(0, 3, 120)
    guesses = draws.integers(0, 3, (3, 120))
    return truth, np.where(draws.random((3, 120)) < np.array([[0.3], [0.3], [0.95]]), truth, guesses)


@pytest.mark.parametrize("seed", range(3))
def test_the_model_is_that_of_loops_and_trusts_who_agrees_with_reason(seed):
    truth, opinions = asked(seed)
    found = dawid_skene(opinions, 3, steps=20)
    assert found.tolist() == slow(opinions, 3, 20)
    assert (found == truth).mean() > (majority(opinions, 3) == truth).mean()


def test_gains_are_paired():
    found = gain("labels", {"majority": [1.0, 2.0, 3.0], "crowdlab": [2.0, 3.5, 4.5]}, "crowdlab")
    half = 4.302652729911275 * np.std([1.0, 1.5, 1.5], ddof=1) / np.sqrt(3)
    assert found["labels gain"] == pytest.approx(4 / 3, abs=0.005)
    assert found["labels low"] == pytest.approx(4 / 3 - half, abs=0.01)
