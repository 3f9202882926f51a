"""Joining tables of several people: what is a copy, what another machine, and what a contradiction."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alrun.analysis import machines, result_files
from alrun.analysis.merging import merge
from alrun.runs import schema
from alrun.system.errors import UserError
from tests.analysis.made_tables import SETTING, make_table, save

CURVES = {("random", 0): (0.5, 0.6, 0.7), ("badge", 0): (0.5, 0.65, 0.8)}
RUN = f"{SETTING}/badge-b1-seed0"


def changed(round: int, accuracy: float) -> dict[tuple[str, int], tuple[float, ...]]:
    """The curves with another accuracy of badge in a round."""
    badge = list(CURVES["badge", 0])
    badge[round] = accuracy
    return CURVES | {("badge", 0): tuple(badge)}


def sources_of(table: pd.DataFrame) -> dict[str, str]:
    runs = table.drop_duplicates("run")
    return dict(zip(runs["run"].str.partition("/")[2], runs["source"], strict=True))


def test_rows_of_all_are_joined_copies_count_once_and_each_keeps_its_source(tmp_path):
    alice = save(make_table(CURVES), tmp_path / "alice")
    bob = save(make_table({("badge", 0): CURVES["badge", 0], ("badge", 1): (0.4, 0.5, 0.6)}), tmp_path / "bob")
    merged = merge([("Alice", alice), ("Bob", bob)])
    assert sources_of(merged.rounds) == {"random-r1-seed0": "Alice", "badge-b1-seed0": "Alice", "badge-b1-seed1": "Bob"}
    assert len(merged.rounds) == 9
    assert merged.others.empty
    result_files.write_results(merged.rounds, tmp_path / "joined")
    carol = save(make_table({("random", 1): (0.4, 0.5, 0.5)}), tmp_path / "carol")
    again = merge([("joined", tmp_path / "joined"), ("Carol", carol)])
    assert sources_of(again.rounds) == sources_of(merged.rounds) | {"random-r1-seed1": "Carol"}


@pytest.mark.parametrize("turned", [False, True])
def test_other_numbers_of_one_machine_are_refused_with_run_files_and_values(tmp_path, turned):
    alice, bob = save(make_table(CURVES), tmp_path / "alice"), save(make_table(changed(1, 0.66)), tmp_path / "bob")
    with pytest.raises(UserError) as refused:
        merge([("b", bob), ("a", alice)] if turned else [("a", alice), ("b", bob)])
    text = str(refused.value)
    assert all(word in text for word in (RUN, str(alice), str(bob), "after round 1 with accuracies", "0.65", "0.66"))
    assert "they name no different machines" in text


def test_another_measure_of_one_accuracy_is_a_contradiction_and_a_missing_one_is_none(tmp_path):
    lacking = save(make_table(CURVES), tmp_path / "old")
    one = save(make_table(CURVES).assign(macro_f1=0.5), tmp_path / "one")
    other = save(make_table(CURVES).assign(macro_f1=0.6), tmp_path / "other")
    assert len(merge([("old", lacking), ("one", one)]).rounds) == 6
    with pytest.raises(UserError, match=r"after round 0 with macro-F1 0\.5 and 0\.6"):
        merge([("one", one), ("other", other)])


@pytest.mark.parametrize("column", ["answers", "spent"])
def test_another_cost_of_one_accuracy_is_a_contradiction(tmp_path, column):
    twice, thrice = (make_table(CURVES).assign(**{column: lambda rows, k=k: k * rows["labeled"]}) for k in (2, 3))
    one, other = save(twice, tmp_path / "one"), save(thrice, tmp_path / "other")
    with pytest.raises(UserError, match=rf"after round 0 with {column} 200 and 300"):
        merge([("one", one), ("other", other)])
    both = pd.concat([twice, thrice])
    with pytest.raises(UserError, match="contradicts itself: it holds round 0"):
        merge([("both", save(both, tmp_path / "both"))])


def test_a_table_of_few_digits_is_a_copy_of_the_whole_one_and_one_more_example_is_not(tmp_path):
    """``alrun results --lean`` rounds to 6 digits; one of 50,000 test examples is a difference."""
    curves = {("random", seed): (20001 / 49999, 1 / 7, 1 - seed / 3e5) for seed in range(1, 4)}
    table = make_table(curves).assign(nll=[1.2345678 * 3.7**k for k in range(9)])
    whole, lean = save(table, tmp_path / "whole"), save(result_files.lean(table), tmp_path / "lean")
    assert result_files.read_results(lean)["nll"].tolist() != table["nll"].tolist()
    assert len(merge([("whole", whole), ("lean", lean)]).rounds) == 9
    table.loc[0, "test_accuracy"] += 1 / 49999
    with pytest.raises(UserError, match="after round 0 with accuracies"):
        merge([("lean", lean), ("other", save(table, tmp_path / "other"))])


@pytest.mark.parametrize(
    ("columns", "labels", "why"),
    [
        ({"torch": "2.6.0", "data": "d2"}, (100, 200, 300), "one with data d1 and one with d2"),
        ({"torch": "2.6.0"}, (100, 200, 250), "no machine changes how much is labeled"),
        ({"alrun": "9"}, (100, 200, 300), "name no different machines"),
        ({"torch": "", "hardware": "", "cpu_capability": "", "threads": ""}, (100, 200, 300), "name no different"),
    ],
)
def test_no_machine_explains_other_data_other_labels_another_alrun_or_an_unnamed_one(tmp_path, columns, labels, why):
    alice = save(make_table(CURVES), tmp_path / "alice")
    bob = save(make_table(changed(2, 0.81), labels=labels, **columns), tmp_path / "bob")
    with pytest.raises(UserError, match=why):
        merge([("a", alice), ("b", bob)])


@pytest.mark.parametrize("column", machines.MACHINE)
def test_another_machine_has_the_same_run_and_the_machine_with_most_runs_of_the_setting_counts(tmp_path, column):
    alice = save(make_table(changed(1, 0.7) | {("margin", 0): (0.5, 0.6, 0.7)}, **{column: "x"}), tmp_path / "alice")
    bob = save(make_table(changed(2, 0.81), **{column: "y"}), tmp_path / "bob")
    found = [merge(order) for order in itertools.permutations([("Alice", alice), ("Bob", bob)])]
    for merged in found:
        assert set(sources_of(merged.rounds)) == {"random-r1-seed0", "badge-b1-seed0", "margin-m1-seed0"}
        assert sources_of(merged.rounds)["badge-b1-seed0"] == "Alice"  # three runs to two
        equal, row = merged.others.to_dict("records")
        assert (equal["run"], equal["gap"]) == (f"{SETTING}/random-r1-seed0", 0)
        assert sources_of(merged.rounds)["random-r1-seed0"] == "Alice"  # all on one machine, whichever table is first
        assert (row["run"], row["strategy"], row["seed"]) == (RUN, "badge", 0)
        assert (row["source"], row["counts instead"]) == ("Bob", "Alice")
        assert (row["final accuracy"], row["its final accuracy"]) == (0.81, 0.8)
        assert row["gap"] == pytest.approx(0.05)  # after round 1


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("strategy", "badge", "entropy"),
        ("dataset", "toy", "mnist"),
        ("model", "small", "large"),
        ("data", "d1", "d2"),
        ("optimizer", "sgd", "adam"),
        ("initial_seed", "1", "2"),
        ("training.max_epochs", "30", "50"),
        ("strategy._target_", "alrun.strategies.badge.Badge", "alrun.strategies.badge.Margin"),
        ("revisions.strategy", "1", "2"),
    ],
)
@pytest.mark.parametrize("elsewhere", [{}, {"torch": "2.6.0"}])
def test_other_settings_under_one_name_are_refused_though_the_numbers_are_equal(
    tmp_path, column, one, other, elsewhere
):
    alice = save(make_table(CURVES).assign(**{column: one}), tmp_path / "alice")
    bob = save(make_table(CURVES, **elsewhere).assign(**{column: other}), tmp_path / "bob")
    one, other = (text.rpartition(".")[2] for text in (one, other))
    with pytest.raises(UserError, match=re.escape(f"one with {column} {one} and one with {other}, but")) as refused:
        merge([("a", alice), ("b", bob)])
    assert all(word in str(refused.value) for word in (f"{SETTING}/random-r1-seed0", str(alice), str(bob)))


def test_columns_that_a_table_lacks_and_those_of_machine_version_and_place_are_no_other_setting(tmp_path):
    places = {"alrun": "1", "commit": "c", "python": "3.11", "folder": "runs", "variant": "v", "energy": "none"}
    old = {"strategy._target_": "alrun.strategies.badge.Badge", **dict.fromkeys(places, "other")}
    alice = make_table(CURVES).assign(**places, **{"training.max_epochs": "30", "strategy._target_": "Badge"})
    bob = make_table(CURVES, torch="2.6.0").assign(**old, stopping="", **{"training.lr": "0.1"})
    alice, bob = save(alice.assign(stopping="none"), tmp_path / "alice"), save(bob, tmp_path / "bob")
    assert len(merge([("a", alice), ("b", bob)]).rounds) == 6


def shifted(by_strategy: dict[str, list[float]]) -> tuple[dict, dict]:
    """Curves of two machines whose last accuracies differ by these, a run each."""
    runs = [(name, seed, gap) for name, gaps in by_strategy.items() for seed, gap in enumerate(gaps)]
    one = {(name, seed): (0.5, 0.6, 0.7 + seed / 1000) for name, seed, _ in runs}
    other = {(name, seed): (0.5, 0.6, 0.7 + seed / 1000 + gap) for name, seed, gap in runs}
    return one, other


def test_copies_of_other_machines_are_counted_and_the_largest_difference_and_who_counts_are_named(tmp_path):
    one, other = shifted({"badge": [0.02, -0.04], "random": [0.0]})
    alice = save(make_table(one | {("margin", 0): (0.5, 0.6, 0.7)}), tmp_path / "alice")
    bob = save(make_table(other, hardware="another CPU"), tmp_path / "bob")
    for order in itertools.permutations([("Alice", alice), ("Bob", bob)]):
        assert machines.copies_in_words(merge(order).others) == (
            "3 runs are in several tables from other hardware or torch: after the last round the two accuracies are "
            "2.00 points apart on average and at most 4.00 (badge, seed 1); the numbers kept are those of Alice."
        )
    assert machines.copies_in_words(merge([("Alice", alice), ("again", alice)]).others) == ""
    blank = [save(make_table({("random", 0): (math.nan,)}, torch=name), tmp_path / name) for name in "xy"]
    assert machines.copies_in_words(merge([(path.name, path) for path in blank]).others) == (
        "1 run is in several tables from other hardware or torch: the numbers kept are those of x."
    )


ALIKE = [0.010, 0.012, 0.011]  # p = 0.003
SPREAD = [0.010, 0.014, 0.012]  # p = 0.009: with a second test 0.018


@pytest.mark.parametrize(
    ("gaps", "is_refused"),
    [
        ({"badge": ALIKE}, True),
        ({"badge": [-gap for gap in ALIKE], "random": [0.01, -0.01, 0.005]}, True),
        ({"badge": [0.01, 0.01, 0.01]}, True),  # no scatter
        ({"badge": SPREAD}, True),
        ({"badge": SPREAD, "random": [0.01, -0.01, 0.005]}, False),  # after Holm's correction
        ({"badge": ALIKE[:2], "random": ALIKE[:2]}, False),  # two of each
        ({"badge": [0.001, 0.05, 0.01]}, False),  # one sign, and p = 0.3
        ({"badge": [0.01] * 19 + [-0.001]}, False),  # p < 0.01, and one falls
        ({"badge": [0.01, 0.012, 0.011, 0.0]}, False),
        ({"badge": [1e-6, 2e-6, 1e-6]}, False),  # digits of a table
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_round_off_in_one_direction_is_refused(tmp_path, gaps, is_refused, turned):
    one, other = shifted(gaps)
    alice = "Alice", save(make_table(one), tmp_path / "alice")
    bob = "Bob", save(make_table(other, torch="2.6.0"), tmp_path / "bob")
    tables = [bob, alice] if turned else [alice, bob]
    if not is_refused:
        assert len(merge(tables).others) == len(one)
        return
    mean = 100 * sum(gaps["badge"]) / len(gaps["badge"])
    with pytest.raises(UserError) as refused:
        merge(tables)
    text, (first, last) = str(refused.value), (path for _, path in tables)
    assert f"{first} and {last} contradict each other: all {len(gaps['badge'])} runs of badge" in text
    ends = "lower" if turned == (mean > 0) else "higher"
    assert f"end {ends} in {last}, by {abs(mean):.2f} points on average" in text


@pytest.mark.parametrize("gaps", [{"badge": [-0.4, -0.4], "random": [-0.4]}, {"badge": [-0.4, -0.4, -0.4, 0.01]}])
def test_copies_that_end_far_apart_are_refused(tmp_path, gaps):
    one, other = shifted(gaps)
    alice = "Alice", save(make_table(one), tmp_path / "alice")
    bob = "Bob", save(make_table(other, torch="2.6.0"), tmp_path / "bob")
    mean = 100 * np.mean([abs(gap) for each in gaps.values() for gap in each])
    with pytest.raises(UserError, match=rf"the runs that both hold end {mean:.2f} points apart on average"):
        merge([alice, bob])


def test_a_table_that_a_spreadsheet_saved_again_is_a_copy(tmp_path):
    ours = {"optimizer.build.fused": "true", "model.dropout": "0.0"}
    alice = save(make_table(CURVES, **ours), tmp_path / "alice")
    bob = save(make_table(CURVES, **{"optimizer.build.fused": "TRUE", "model.dropout": "0"}), tmp_path / "bob")
    assert len(merge([("a", alice), ("b", bob)]).rounds) == 6
    other = save(make_table(CURVES, **(ours | {"model.dropout": "0.5"})), tmp_path / "other")
    with pytest.raises(UserError, match=r"one with model.dropout 0\.0 and one with 0\.5"):
        merge([("a", alice), ("other", other)])


def test_p_of_one_direction_is_that_of_scipy():
    for gaps in (ALIKE, SPREAD, [0.001, 0.05, 0.01]):
        assert machines.p_of(np.array(gaps)) == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue)
    assert stats.ttest_1samp(ALIKE, 0).pvalue < 0.005 < stats.ttest_1samp(SPREAD, 0).pvalue < 0.01


def test_a_contradiction_within_one_machine_is_found_beside_another_machine(tmp_path):
    paths = [save(make_table(CURVES, torch="2.6.0"), tmp_path / "a")]
    paths += [save(make_table(changed(2, accuracy)), tmp_path / f"b{100 * accuracy:.0f}") for accuracy in (0.81, 0.82)]
    with pytest.raises(UserError, match=re.escape("accuracies 0.81 and 0.82, and they name no different machines")):
        merge([(path.name, path) for path in paths])


def test_a_run_that_a_criterion_ended_may_end_earlier_elsewhere(tmp_path):
    alice = save(make_table(CURVES, stopping="kappa"), tmp_path / "alice")
    short = {("badge", 0): (0.5, 0.64)}
    bob = save(make_table(short, stopping="kappa", torch="2.6.0"), tmp_path / "bob")
    assert merge([("a", alice), ("b", bob)]).others["source"].tolist() == ["b"]
    bob = save(make_table(short, stopping="none", torch="2.6.0"), tmp_path / "bob")
    alice = save(make_table(CURVES, stopping="none"), tmp_path / "alice")
    with pytest.raises(UserError, match="one with 3 rounds and one with 2, and no machine"):
        merge([("a", alice), ("b", bob)])


def test_the_schema_is_checked_and_what_is_joined_has_that_of_today(tmp_path):
    old = make_table({("random", 1): (0.5, 0.6, 0.7)}).drop(columns=schema.KEY)
    new = save(make_table(CURVES).assign(answers=lambda t: 2 * t["labeled"]), tmp_path / "new")
    merged = merge([("old", save(old, tmp_path / "old")), ("new", new)])
    assert merged.rounds[schema.KEY].unique().tolist() == [str(schema.SCHEMA_VERSION)]
    assert merged.rounds.loc[merged.rounds["source"] == "old", "answers"].tolist() == [100, 200, 300]  # one a label
    later = make_table(CURVES).assign(**{schema.KEY: str(schema.SCHEMA_VERSION + 1)})
    with pytest.raises(UserError, match="written by a later alrun"):
        merge([("later", save(later, tmp_path / "later"))])


def test_runs_that_are_unsound_are_left_out_and_named(tmp_path):
    merged = merge([("a", save(make_table(changed(1, 65.0)), tmp_path / "a"))])
    assert set(sources_of(merged.rounds)) == {"random-r1-seed0"}
    assert RUN in str(merged.problems[0])
