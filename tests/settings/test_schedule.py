"""The schedule of rounds against a loop that buys until the budget is spent, and all who ask for it."""

import json

import pytest

from alrun.commands import plan, speed
from alrun.runs import durations
from alrun.settings import planned_runs, schedule


def bought(seed_size: int, batch_size: int, total: int, validation: int) -> list[int]:
    """Labels in every round, by spending them."""
    spent, rounds = validation + seed_size, []
    while spent <= total:
        rounds.append(spent)
        spent += batch_size
    return rounds


@pytest.mark.parametrize("validation", [0, 30, 50, 59, 60])
@pytest.mark.parametrize(("seed_size", "batch_size", "total"), [(50, 50, 500), (20, 20, 90), (10, 7, 100), (9, 1, 99)])
def test_the_rounds_are_those_of_spending_the_budget(seed_size, batch_size, total, validation):
    budget = {"seed_size": seed_size, "batch_size": batch_size, "total": total}
    expected = bought(seed_size, batch_size, total, validation)
    assert schedule.labels_by_round(budget, validation) == expected
    assert schedule.labels_by_round_of_record({"settings": {"budget": budget, "validation": validation}}) == expected
    assert schedule.labels_by_round_of_record({"settings": {"budget": budget}}) == bought(
        seed_size, batch_size, total, 0
    )


def test_what_a_run_recorded_counts(tmp_path):
    record = {"rounds": [50, 70, 90], "settings": {"budget": {"seed_size": 1, "batch_size": 1, "total": 9}}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert durations.labels_of_rounds(tmp_path) == [50, 70, 90]
    assert durations.labels_of_rounds(tmp_path / "nowhere") == []


def test_a_plan_of_runs_with_held_out_labels_counts_those_that_are_trained_on(tmp_path, monkeypatch):
    settings = ["validation=50", "budget.seed_size=50", "budget.batch_size=50", "budget.total=500"]
    (run,) = planned_runs.runs_of_command([*settings, "training.max_epochs=10", f"paths.outputs={tmp_path}"])
    monkeypatch.setattr(speed, "images_per_second", lambda cfg: 1.0)
    found = plan.hours_of_run(run, durations.Durations(), {})
    assert found.most == pytest.approx(10 * sum(range(50, 451, 50)) / 3600)  # nine rounds, not ten


def test_a_plan_of_runs_with_several_opinions_counts_examples(tmp_path, monkeypatch):
    """A third as many examples as answers are trained on."""
    settings = ["annotator=uniform", "annotator.opinions=3", "budget.seed_size=60", "budget.batch_size=60"]
    (run,) = planned_runs.runs_of_command([*settings, "budget.total=300", "training.max_epochs=10"])
    monkeypatch.setattr(speed, "images_per_second", lambda cfg: 1.0)
    found = plan.hours_of_run(run, durations.Durations(), {})
    assert found.most == pytest.approx(10 * (20 + 40 + 60 + 80 + 100) / 3600)


def test_the_time_left_is_by_answers_where_few_of_them_are_labels():
    """Three rounds to come with 90, 120 and 150 answers, at 2 seconds for 60 answers; the rest takes 0.5 a round."""
    done = [
        {"labeled": "4", "train_seconds": "0.5", "evaluate_seconds": "0.25", "select_seconds": "0.25"},
        {"labeled": "11", "train_seconds": "1.5", "evaluate_seconds": "0.25", "select_seconds": "0.25"},
    ]
    found = durations.by_rounds(done, [20, 40, 90, 120, 150])
    assert found == pytest.approx((90 + 120 + 150) * 2 / 60 + 3 * 0.5)
