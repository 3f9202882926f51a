"""The page of pools: its numbers against tables written by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alrun.analysis import result_files as results
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
            "optimizer.C": 0.003,
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


def test_the_correction_is_for_the_strategies_of_a_pool_without_its_oracle(table):
    more = [row for seed in range(3) for row in rows("badge", seed, [0.5, 0.61 + seed / 99], ["8 1 1", "13 4 3"])]
    more += [row for seed in range(3) for row in rows("best_found", seed, [0.5, 0.8 + seed / 99], ["8 1 1", "13 4 3"])]
    found = compare_pools.compare(pd.concat([table, pd.DataFrame(more)]), METRICS["accuracy"])
    first, second = sorted(found["p"].dropna())
    assert sorted(found["holm"].dropna()) == pytest.approx(sorted([2 * first, max(2 * first, second)]))
    assert np.isnan(found.loc["best_found", "holm"])


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


def write(folder, options: dict[str, list[float]], **settings) -> None:
    """A table of a pool: the last accuracy of each strategy by seed; the first is 0.5."""
    made = [
        {key: value for key, value in row.items() if key not in ("curve", "label", "facet")}
        | {"run": f"{'-'.join(map(str, settings.values()))}{row['run']}", "rare_recall": 0.1, "worst_recall": 0.1}
        | {"purity": 0.9, "wrong_labels": 0.2, "annotator.rate": "", "strategy@strategy.inner": ""}
        | {"strategy.inner.function": "", **settings}
        | (
            {"strategy@strategy.inner": "conditional_gain", "strategy.inner.function": "flcg"}
            if name == "subsample"
            else {}
        )
        for name, finals in options.items()
        for seed, final in enumerate(finals)
        for row in rows(name, seed, [0.5, final], ["8 1 1", "13 4 3"])
    ]
    table = pd.DataFrame(made)
    if (folder / "runs.csv").exists():
        table = pd.concat([results.read_results(folder), table])
    results.write_results(table, folder)


FINALS = {
    "random": [0.6, 0.62, 0.61],
    "margin": [0.66, 0.7, 0.69],
    "badge": [0.61, 0.63, 0.6],
    "coreset": [0.5, 0.52, 0.5],
}


def test_the_page_shows_every_pool_that_has_a_table(tmp_path, monkeypatch, capsys):
    for name in compare_pools.POOLS:
        if name not in compare_pools.RATES:
            more = {"best_found": [0.8, 0.83, 0.78]} if name == "best_found" else {}
            more |= {"subsample": [0.7, 0.73, 0.71]} if name == "redundancy" else {}
            write(tmp_path / name, FINALS | more)
    write(tmp_path / "noisy", FINALS, **{"annotator.rate": "0.2"})
    flat = {"margin": [0.61, 0.61, 0.6], "badge": [0.61, 0.63, 0.6], "coreset": [0.6, 0.6, 0.61]}
    write(tmp_path / "noisy", FINALS | flat, **{"annotator.rate": "0.4"})
    monkeypatch.setattr(compare_pools, "TABLES", tmp_path)
    monkeypatch.setattr(compare_pools, "ROOT", tmp_path)
    monkeypatch.setattr(compare_pools, "PAGE", tmp_path / "pools.md")
    compare_pools.main()
    assert capsys.readouterr().out == "10 pools in pools.md\n"
    page = (tmp_path / "pools.md").read_text()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == [
        *(pool.title for pool in compare_pools.POOLS.values()),
        "Over all pools",
        "People's errors and simulated ones",
    ]
    assert "Not computed yet" not in page
    gaps = np.array([0.2, 0.21, 0.17]) / 2  # of the oracle to random along the budget: the mean of two rounds
    half = stats.t.ppf(0.975, 2) * gaps.std(ddof=1) / np.sqrt(3)
    below = f"{100 * gaps.mean():.1f} ({100 * (gaps.mean() - half):.1f} to {100 * (gaps.mean() + half):.1f})"
    assert f"| `random` | 55.5 |  | {below} |" in page
    assert "| `best_found` | 65.2 | +9.7 (" in page
    assert "below the best found" in page.partition("## Rare classes")[0]
    assert "below the best found" not in page.partition("## Rare classes")[2]
    assert "| `subsample conditional_gain flcg` |" in page.partition("## Copies")[2].partition("##")[0]
    assert "Nothing was found to beat random here." in page.partition("Wrong answers, 40 %\n")[2].partition("##")[0]
    assert "| Wrong answers, 40 % | nothing | nothing |" in page
    assert "| `margin` | 1.2 | 3 |" in page  # the best in nine pools, and the third of four with 40 % wrong answers


def test_the_purity_is_that_of_the_queries(table):
    """A seed set is pure by itself: 1, and then 0.5 and 0.7 of what is queried."""
    third = table[table["round"] == 1].assign(round=2, labeled=30, answers=30)
    measured = pd.concat([table, third]).assign(purity=lambda t: t["round"].map({0: 1.0, 1: 0.5, 2: 0.7}))
    text = compare_pools.section("open_set", measured, compare_pools.compare(measured, METRICS["accuracy"]))
    assert "| 60.0 |" in text
