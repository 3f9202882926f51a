"""What stopping criteria say of measures that are given."""

import math

import pytest

from alrun.runs import stopping
from alrun.runs.stopping import CRITERIA, ByCriterion, Majority, NoStopping, say_stop

STABLE = {"kappa": 0.995, "changed": 0.0, "uncertainty": 0.01, "delta_f": 0.002, "batch_accuracy": 0.95}
FIRST = dict.fromkeys(STABLE, math.nan)


def rounds(*rows):
    return [{"round": round, "labeled": 10 * round + 10, **row} for round, row in enumerate(rows)]


def test_criteria_say_nothing_of_a_first_round_and_all_speak_when_all_is_stable():
    assert say_stop(rounds(FIRST)) == []
    assert say_stop(rounds(FIRST, STABLE, STABLE)) == ["classification_change", "overall_uncertainty", "selected_set"]
    assert say_stop(rounds(FIRST, STABLE, STABLE, STABLE)) == [*CRITERIA]


@pytest.mark.parametrize(
    ("name", "measure", "just", "beyond"),
    [
        ("classification_change", "changed", 0.0, 0.0001),
        ("overall_uncertainty", "uncertainty", 0.05, 0.0501),
        ("selected_set", "batch_accuracy", 0.9, 0.899),
    ],
)
def test_a_criterion_changes_its_mind_at_its_threshold(name, measure, just, beyond):
    assert name in say_stop(rounds({**STABLE, measure: just}))
    assert name not in say_stop(rounds({**STABLE, measure: beyond}))


@pytest.mark.parametrize(
    ("name", "measure", "low", "high"),
    [
        ("kappa", "kappa", (0.98, 0.9901, 1.0), (0.98, 0.9899, 1.0)),
        ("delta_f", "delta_f", (0, 0, 0.0149), (0, 0, 0.0151)),
    ],
)
def test_two_criteria_decide_by_the_mean_of_three_rounds(name, measure, low, high):
    assert name in say_stop(rounds(*({**STABLE, measure: value} for value in low)))
    assert name not in say_stop(rounds(*({**STABLE, measure: value} for value in high)))


def test_a_round_without_a_measure_is_no_reason_to_stop():
    unknown = {**STABLE, "kappa": math.nan, "delta_f": math.nan}
    assert not {"kappa", "delta_f"} & set(say_stop(rounds(STABLE, unknown, STABLE)))


def test_the_table_has_what_each_criterion_says_in_each_round():
    table = stopping.table(rounds(FIRST, STABLE, {**STABLE, "batch_accuracy": 0.5}))
    assert [row["criteria"] for row in table] == [0, 3, 2]
    assert [row["stop_selected_set"] for row in table] == [0, 1, 0]
    assert all(tuple(row) == stopping.COLUMNS for row in table)


def test_a_run_ends_by_the_criterion_that_was_chosen_or_by_a_majority():
    sure = {**STABLE, "kappa": 0.5, "delta_f": 0.5, "changed": 0.1}
    history = rounds(sure, sure, sure)
    assert NoStopping().reason(rounds(STABLE, STABLE, STABLE)) is None
    assert ByCriterion("selected_set").reason(history) == "stopping=selected_set"
    assert ByCriterion("kappa").reason(history) is None
    assert ByCriterion("kappa", threshold=0.4, window=1).reason(history) == "stopping=kappa"
    assert ByCriterion("classification_change", threshold=0.1).reason(history) is not None
    assert Majority().reason(history) is None
    assert Majority(least=2).reason(history) == (
        "2 of 5 stopping criteria say stop (overall_uncertainty, selected_set)"
    )
