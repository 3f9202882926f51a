"""The page of all strategies: its numbers against a table written by hand, its encoder against the guide's."""

import re
from pathlib import Path

import pandas as pd
import pytest

from docs.generate import compare_strategies

ROOT = Path(__file__).resolve().parents[2]


def test_the_encoder_of_the_experiments_is_the_one_of_the_guide():
    guide = (ROOT / "docs" / "guides" / "features.md").read_text()
    found = re.search(r'```python title="lite0.py"\n(.*?)```', guide, re.DOTALL)
    assert found is not None
    assert (ROOT / "benchmarks" / "lite0.py").read_text().endswith(found[1])


@pytest.fixture
def table():
    """Two strategies and two seeds, two rounds each; margin is 2 and 4 points above random everywhere."""
    rows = []
    for seed in (0, 1):
        for strategy, more in (("random", 0.0), ("margin", 0.02 * (seed + 1))):
            rows += [
                {
                    "run": f"{strategy}{seed}",
                    "curve": strategy,
                    "facet": "all",
                    "label": "",
                    "strategy": strategy,
                    "seed": seed,
                    "round": round,
                    "labeled": 10 * (round + 1),
                    "test_accuracy": 0.5 + 0.1 * round + more,
                    "select_seconds": 1.5,
                }
                for round in (0, 1)
            ]
    return pd.DataFrame(rows)


def test_means_and_differences_are_those_of_the_table(table):
    found = compare_strategies.summarize(table)
    assert found["random"].text == "55.0 |  | 1.00 | 3.00 s | 2"
    assert found["margin"].gain == pytest.approx(0.03)
    # The mean of 2 and 4 is 3, its standard error 1, and Student's factor for two values 12.7.
    assert found["margin"].text.split(" | ")[1] == "+3.0 (-9.7 to +15.7)"


def test_a_strategy_with_few_repeats_is_left_out_and_no_other(monkeypatch, tmp_path, table):
    # random sampling is not first here: the page must not depend on the order of the rows
    bare = table.drop(columns=["curve", "facet"])
    made = pd.concat([bare[bare["strategy"] == name] for name in ("margin", "random")])
    fewer = made[(made["strategy"] == "random") | (made["seed"] == 0)].reset_index(drop=True)
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setattr(compare_strategies, "TABLES", tmp_path)
    monkeypatch.setattr(compare_strategies, "LEAST", 2)
    monkeypatch.setattr(compare_strategies.results, "read_results", lambda path: fewer)
    found = compare_strategies.read("cifar10")
    assert list(found["strategy"]) == list(found["curve"]) == ["random"] * 4


def test_seconds_are_the_median_over_repeats(table):
    third = table[table["seed"] == 0].assign(seed=2, run=table["strategy"] + "2")
    held_up = pd.concat([table, third]).reset_index(drop=True)
    held_up.loc[held_up["seed"] == 2, "select_seconds"] = 600
    assert "| 3.00 s |" in compare_strategies.summarize(held_up)["random"].text


def test_strategies_without_a_run_are_named_with_the_reason(table):
    found = compare_strategies.summarize(table)
    text = compare_strategies.absent({"cifar10": found, "banking77": found})
    assert text.count("Not in the table of CIFAR-10 and of Banking77: `bim`, ") == 1
    images, oracle, few = text.partition(": ")[2].split("; ")
    assert images == "`bim`, `deepfool`, `learning_loss`, `vaal`, which work on images alone"
    assert oracle.startswith("`best_found`, an oracle")
    assert "`badge`" in few
    assert few.rstrip().endswith(", with fewer than 5 repeats.")


def test_the_hours_of_repeats_that_are_missing_are_those_of_the_median_run(table):
    # random has 2 of 20 repeats of 4 x 900 seconds, margin 20
    slow = table[table["strategy"] == "random"]
    whole = [table[table["strategy"] == "margin"].assign(seed=table["seed"] + 2 * number) for number in range(10)]
    known = pd.concat([slow, *whole], ignore_index=True).assign(train_seconds=900.0, evaluate_seconds=700.0)
    known["select_seconds"] = 200.0
    text = compare_strategies.unfinished({"cifar10": known}, {"cifar10": ["badge", "margin", "random", "submodular"]})
    assert text == (
        "The 22 runs on CIFAR-10 took 22.0 hours of one thread in all.\n"
        "20 repeats are planned; those that CIFAR-10 lacks of strategies with a run would take 18.0 hours, by the "
        "median run of each: `random` 18.0.\n"
        "Planned on CIFAR-10 and not run, so their hours are unknown: `badge`, `submodular`.\n"
    )
    whole = compare_strategies.unfinished({"cifar10": known[known["strategy"] == "margin"]}, {"cifar10": ["margin"]})
    assert whole == "The 20 runs on CIFAR-10 took 20.0 hours of one thread in all.\n"


def test_a_strategy_with_too_few_repeats_for_the_table_counts_among_the_hours(monkeypatch, tmp_path, table):
    few = table.drop(columns=["curve", "facet"]).assign(train_seconds=1800.0, evaluate_seconds=0.0, select_seconds=0.0)
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setattr(compare_strategies, "TABLES", tmp_path)
    monkeypatch.setattr(compare_strategies.results, "read_results", lambda path: few[few["seed"] == 0])
    text = compare_strategies.unfinished({"cifar10": compare_strategies.rounds("cifar10")}, {"cifar10": []})
    assert "38.0 hours, by the median run of each: `margin` 19.0, `random` 19.0." in text


def test_the_plan_is_that_of_the_experiments():
    plan = compare_strategies.planned("cifar10")
    assert {"random", "submodular", "bald"} <= set(plan)
    assert not {"best_found", "bim", "vaal"} & set(plan)
    assert plan == compare_strategies.planned("banking77")
