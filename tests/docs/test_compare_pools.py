"""The page of pools: its numbers against tables written by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alrun.analysis.metrics import METRICS
from docs.generate import compare_pools


def rows(strategy: str, seed: int, accuracies: list[float], counts: list[str]) -> list[dict]:
    return [
        {
            "run": f"{strategy}{seed}",
            "curve": strategy,
            "label": strategy,
            "facet": "a",
            "strategy": strategy,
            "seed": seed,
            "round": round,
            "labeled": 10 * (round + 1),
            "answers": 10 * (round + 1),
            "test_accuracy": accuracy,
            "class_labeled": count,
            "class_names": '["ants", "bees", "wasps"]',
            "rare_classes": '["wasps", "bees"]',
        }
        for round, (accuracy, count) in enumerate(zip(accuracies, counts, strict=True))
    ]


@pytest.fixture
def table():
    gains = (0.02, 0.05, 0.03)
    made = []
    for seed, gain in enumerate(gains):
        made += rows("random", seed, [0.5, 0.6], ["8 1 1", "16 2 2"])  # 2 rare examples beyond the seed set
        made += rows("margin", seed, [0.5, 0.6 + 2 * gain], ["8 1 1", "13 4 3"])  # 5
    return pd.DataFrame(made)


def test_the_difference_to_random_is_paired_by_seed(table):
    found = compare_pools.compare(table, METRICS["accuracy"])
    gains = np.array([0.02, 0.05, 0.03])  # half of what the last round gains: the mean along the budget
    assert found.loc["margin", "gap"] == pytest.approx(gains.mean())
    assert found.loc["margin", "p"] == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    assert np.isnan(found.loc["random", "p"])


def test_rare_examples_are_counted_beyond_the_seed_set_as_multiples_of_random(table):
    found = compare_pools.rare_found(table)
    assert found == {"margin": "2.50 (2.50 to 2.50)", "random": "1"}


def test_a_pool_in_which_nothing_is_better_says_so(table):
    compared = compare_pools.compare(table, METRICS["accuracy"]).assign(holm=1.0)
    measured = table.assign(rare_recall=0.1)
    text = compare_pools.section("rare_classes", measured, compared)
    assert "Nothing was found to beat random here." in text
    assert "| `margin` | 58.3 | +3.3 (" in text
    assert "**+3.3" in compare_pools.section("rare_classes", measured, compared.assign(holm=0.01))


def test_the_same_order_under_both_kinds_of_errors_has_a_correlation_of_one(table):
    more = pd.DataFrame([row for seed in range(3) for row in rows("badge", seed, [0.5, 0.9], ["8 1 1", "13 4 3"])])
    both = pd.concat([table, more])
    text = compare_pools.noise({"noisy_people": both, "noisy_same_rate": both.assign(run=both["run"] + "x")})
    assert "correlation is 1.00, 95 % interval 1.00 to 1.00" in text
