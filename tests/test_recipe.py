"""The tables of docs/evidence/recipe.md, from rounds made by hand."""

import pandas as pd
import pytest

import compare_recipes

ACCURACY = {  # by strategy: paper and fast, of two repeats each
    "random": ([0.50, 0.52], [0.51, 0.55]),
    "badge": ([0.53, 0.56], [0.55, 0.59]),
}


@pytest.fixture
def rounds() -> pd.DataFrame:
    rows = [
        {"strategy": strategy, "optimizer": optimizer, "seed": seed, "labeled": 100, "test_accuracy": accuracy}
        for strategy, pair in ACCURACY.items()
        for optimizer, repeats in zip(("sgd", "fast"), pair, strict=True)
        for seed, accuracy in enumerate(repeats)
    ]
    table = pd.DataFrame(rows)
    table["epochs"] = table.optimizer.map({"sgd": 200, "fast": 80})
    table["run"] = table.strategy + table.optimizer + table.seed.astype(str)
    return table


def test_repeats_are_compared_in_pairs(rounds):
    table = compare_recipes.compared(rounds, ["strategy"], "seed").set_index("strategy")
    assert table.loc["random"].to_dict() == {
        "optimizer=sgd": "51.0 ± 1.4",
        "optimizer=fast": "53.0 ± 2.8",
        "fast minus paper": "2.0 ± 1.4",  # 1 and 3 points
    }


def test_strategies_are_ranked_by_what_they_gain(rounds):
    table = compare_recipes.gains(rounds)
    assert table.to_dict("records") == [
        {"strategy": "badge", "optimizer=sgd": "3.5 ± 0.7", "optimizer=fast": "4.0 ± 0.0"}
    ]


def test_cost_is_the_images_of_all_epochs(rounds):
    assert compare_recipes.images(rounds).to_numpy().tolist() == [
        ["optimizer=sgd", "20,000", "100%"],
        ["optimizer=fast", "8,000", "40%"],
    ]
