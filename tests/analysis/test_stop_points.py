"""What stopping criteria would have cost, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import sources, stop_points
from alrun.runs.stopping import CRITERIA

LABELS = np.array([10.0, 20, 30, 40, 50])
ACCURACY = np.array([0.5, 0.7, 0.895, 0.9, 0.89])


def says(*rounds: int) -> np.ndarray:
    return np.isin(np.arange(5), rounds)


def test_the_best_round_is_the_first_from_which_the_rest_gains_too_little():
    assert stop_points.best_round(ACCURACY, 0.01) == 2
    assert stop_points.best_round(ACCURACY, 0.004) == 3
    assert stop_points.best_round(np.array([0.9, 0.5, 0.9]), 0.01) == 0


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [((1, 3), (True, -10, 0.2)), ((2,), (True, 0, 0.005)), ((3, 4), (True, 10, 0)), ((), (False, 20, 0))],
)
def test_labels_too_early_or_too_late_and_accuracy_given_away(rounds, expected):
    found = stop_points.stop_point(LABELS, ACCURACY, says(*rounds))
    assert tuple(found) == pytest.approx(expected)


def test_the_table_has_every_criterion_and_a_majority_and_leaves_out_runs_of_before():
    run = pd.DataFrame({"run": "a", "round": range(5), "labeled": LABELS, "test_accuracy": ACCURACY})
    for position, name in enumerate(CRITERIA):
        run[f"stop_{name}"] = says(*range(position, 5)).astype(int)
    run["criteria"] = run[[f"stop_{name}" for name in CRITERIA]].sum(axis=1)
    old = run.assign(run="b", criteria=np.nan)
    table = stop_points.stopping_table(pd.concat([run, run.assign(run="c"), old]))
    assert table["criterion"].tolist() == [*CRITERIA, "majority"]
    assert table["runs that it ends"].tolist() == ["2 of 2"] * 4 + ["0 of 2", "2 of 2"]
    majority = table.iloc[-1]  # three say stop in round 2, the best one
    assert (majority["labels too early"], majority["labels too late"]) == ("0 [0, 0]", "0 [0, 0]")
    assert majority["accuracy given away (points)"] == "0.50 [0.50, 0.50]"
    assert stop_points.stopping_sections(old) == []


def test_the_columns_of_stopping_csv_come_through_the_table_of_results(complete):
    folder = complete("strategy=random")
    (section,) = stop_points.stopping_sections(sources.load([str(folder)]).rounds)
    own = pd.read_csv(folder / "stopping.csv")
    ends = section.tables["stopping criteria"].set_index("criterion")["runs that it ends"]
    assert len(own) == 3
    assert {name: ends[name] for name in CRITERIA} == {
        name: f"{int(own[f'stop_{name}'][:-1].any())} of 1" for name in CRITERIA
    }
