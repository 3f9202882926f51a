"""What makes a curve, and what it is called."""

import pandas as pd

from alrun.analysis import result_files, rounds
from alrun.analysis.curves import name_curves, paired, wide
from tests.analysis.made_runs import make_run

ACCURACY = [0.5, 0.6]


def names(runs) -> list[str]:
    return name_curves(rounds.gather(runs).rounds)["curve"].unique().tolist()


def test_strategies_of_one_setting_have_their_own_names_and_random_is_first(tmp_path):
    runs = [make_run(tmp_path, option, seed, ACCURACY) for option in ("badge", "random") for seed in (0, 1)]
    assert names(runs) == ["random", "badge"]


def test_settings_of_a_strategy_tell_namesakes_apart_and_no_more(tmp_path):
    runs = [
        make_run(tmp_path, "entropy", 0, ACCURACY, dropout_samples=0, temperature=1),
        make_run(tmp_path, "entropy", 0, ACCURACY, dropout_samples=10, temperature=1),
        make_run(tmp_path, "badge", 0, ACCURACY, power=2),
    ]
    assert names(runs) == ["entropy (dropout_samples=0)", "entropy (dropout_samples=10)", "badge"]


def test_a_facet_is_named_by_its_option_not_by_what_the_option_sets(tmp_path):
    runs = [
        make_run(
            tmp_path / rate, strategy, 0, ACCURACY, options={"optimizer": option}, config={"optimizer": {"lr": rate}}
        )
        for option, rate in (("sgd", "0.01"), ("adam", "0.001"))
        for strategy in ("random", "badge")
    ]
    table = name_curves(rounds.gather(runs).rounds)
    assert table["curve"].unique().tolist() == [
        "random, optimizer=sgd",
        "badge, optimizer=sgd",
        "random, optimizer=adam",
        "badge, optimizer=adam",
    ]
    assert table["facet"].unique().tolist() == ["optimizer=sgd", "optimizer=adam"]
    assert table["label"].unique().tolist() == ["random", "badge"]


def test_what_a_strategy_wraps_is_no_facet(tmp_path):
    runs = [
        make_run(tmp_path, "random", 0, ACCURACY),
        make_run(tmp_path, "partitioned", 0, ACCURACY, options={"strategy@strategy.inner": "badge"}),
    ]
    table = name_curves(rounds.gather(runs).rounds)
    assert table["facet"].unique().tolist() == [""]


def test_a_revision_of_a_strategy_is_no_facet_and_tells_its_versions_apart(tmp_path):
    revised = {"revisions": {"strategy": {"strategy.Bait": 2}}}
    runs = [
        make_run(tmp_path, "random", 0, ACCURACY),
        make_run(tmp_path, "badge", 0, ACCURACY),
        make_run(tmp_path / "new", "bait", 0, ACCURACY, config=revised),
    ]
    table = name_curves(rounds.gather(runs).rounds)
    assert table["facet"].unique().tolist() == [""]  # random sampling is then compared with all of them
    assert table["curve"].unique().tolist() == ["random", "badge", "bait"]
    table = name_curves(rounds.gather([*runs, make_run(tmp_path / "old", "bait", 0, ACCURACY)]).rounds)
    assert table["facet"].unique().tolist() == [""]
    assert set(table["curve"]) == {"random", "badge", "bait", "bait (revisions.strategy.strategy.Bait=2)"}


def test_a_setting_without_an_option_is_named_by_its_value(tmp_path):
    runs = [
        make_run(tmp_path / factor, "random", 0, ACCURACY, config={"redundancy": {"factor": factor, "unique": 5}})
        for factor in ("2", "10")
    ]
    assert names(runs) == ["random, redundancy.factor=2", "random, redundancy.factor=10"]


def test_two_facets_are_both_named(tmp_path):
    runs = [
        make_run(
            tmp_path / (model + dss),
            "random",
            0,
            ACCURACY,
            options={"model": model, "dss": dss},
            config={"model": {"name": model}, "dss": {"name": dss}},
        )
        for model in ("a", "b")
        for dss in ("none", "half")
    ]
    assert names(runs)[0] == "random, model=a, dss=none"
    assert len(names(runs)) == 4


def test_names_are_the_same_after_a_way_through_csv(tmp_path):
    runs = [
        make_run(tmp_path, "entropy", 0, ACCURACY, samples=0),
        make_run(tmp_path, "entropy", 0, ACCURACY, samples=10),
        make_run(tmp_path, "random", 0, ACCURACY),
    ]
    table = rounds.gather(runs).rounds
    result_files.write_results(table, tmp_path / "all.csv")
    pd.testing.assert_frame_equal(name_curves(result_files.read_results(tmp_path / "all.csv")), name_curves(table))


def test_pairs_share_seeds_and_numbers_of_labels(tmp_path):
    runs = [make_run(tmp_path, "random", seed, [0.5, 0.6, 0.7]) for seed in (0, 1, 2)]
    runs += [make_run(tmp_path, "badge", seed, [0.5, 0.8]) for seed in (2, 1)]
    tables = wide(name_curves(rounds.gather(runs).rounds), "test_accuracy")
    random, badge = paired(tables["random, budget.total=300"], tables["badge, budget.total=200"])
    assert random.index.tolist() == badge.index.tolist() == [1, 2]
    assert random.columns.tolist() == badge.columns.tolist() == [100, 200]
    assert badge.to_numpy().tolist() == [[0.5, 0.8]] * 2


def test_a_run_that_two_experiments_share_has_the_name_of_its_setting(tmp_path):
    runs = [
        make_run(
            tmp_path / "a", "random", 0, ACCURACY, config={"training": {"epochs": 1}}
        ),  # computed without the option
        make_run(
            tmp_path / "a", "random", 1, ACCURACY, config={"training": {"epochs": 1}}, options={"batch_size": "b1"}
        ),
        make_run(
            tmp_path / "b", "random", 0, ACCURACY, config={"training": {"epochs": 2}}, options={"batch_size": "b2"}
        ),
    ]
    assert names(runs) == ["random, batch_size=b1", "random, batch_size=b2"]
    assert names([runs[0], runs[2]]) == ["random, training.epochs=1", "random, training.epochs=2"]


def test_a_setting_that_differs_in_much_is_named_by_what_it_changes_of_the_usual_one(tmp_path):
    usual = {"optimizer": {"lr": 1}, "model": {"width": 2}, "limit": 3, "training": {"reset": True}}
    changed = [
        {},
        {"optimizer": {"lr": 9}},
        {"model": {"width": 8}},
        {"limit": 7},
        {"optimizer": {"lr": 9}, "limit": 7},
    ]
    runs = [
        make_run(tmp_path / str(number), "random", 0, ACCURACY, config=usual | change)
        for number, change in enumerate(changed)
    ]
    table = name_curves(rounds.gather(runs).rounds)
    assert table["facet"].unique().tolist() == [
        "usual setting",
        "optimizer.lr=9",
        "model.width=8",
        "limit=7",
        "optimizer.lr=9, limit=7",
    ]
