"""``alrun forecast`` and the column of ``alrun status``."""

import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import calibration
from alrun.analysis import forecast as forecasts
from alrun.analysis.efficiency import Curve
from alrun.commands import forecast, status
from alrun.system import files
from tests.analysis.made_tables import make_table, save


def made_run(folder, accuracy, **more):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    labels = [20 * round + 20 for round in range(len(accuracy))]
    rows = [
        {"round": round, "labeled": count, "test_accuracy": each, "answers": count, "spent": 0.5 * count}
        for round, (count, each) in enumerate(zip(labels, accuracy, strict=True))
    ]
    files.write_csv(folder / "accuracy.csv", list(rows[0]), rows)
    return Curve(np.array(labels), np.array(accuracy))


@pytest.fixture
def run(tmp_path):
    return made_run(tmp_path / "set" / "margin-a-seed1", [0.9 - n**-0.5 for n in range(2, 10)])


def typed(monkeypatch, capsys, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["alrun forecast", *words])
    forecast.main()
    return capsys.readouterr().out


def test_a_run_is_forecast_at_its_price_beside_the_random_run_of_its_seed(tmp_path, run, monkeypatch, capsys):
    random = made_run(tmp_path / "set" / "random-b-seed1", [0.8 - n**-0.5 for n in range(2, 10)])
    made_run(tmp_path / "set" / "random-b-seed2", [0.5] * 8)
    text = typed(monkeypatch, capsys, str(tmp_path / "set" / "margin-a-seed1"))
    assert text.splitlines()[1:] == [
        f"  {forecasts.in_words(run, price=0.5)}",
        f"  random: {forecasts.in_words(random, price=0.5)}",
    ]
    text = typed(monkeypatch, capsys, str(tmp_path / "set" / "margin-a-seed1"), "--labels=40", "--at=0.7", "--price=2")
    assert f"  {forecasts.in_words(run, 40, 0.7, 2.0)}\n" in text


def test_a_random_run_that_cannot_be_read_costs_no_other_its_forecast(tmp_path, run, monkeypatch, capsys):
    made_run(tmp_path / "set" / "random-b-seed1", [0.8 - n**-0.5 for n in range(2, 10)])
    (tmp_path / "set" / "random-b-seed1" / "accuracy.csv").write_text("round,labeled\n0,x\n")
    for source in (tmp_path / "set", tmp_path / "set" / "margin-a-seed1"):
        text = typed(monkeypatch, capsys, str(source))
        assert f"  {forecasts.in_words(run, price=0.5)}\n  random: no forecast: " in text


def test_several_answers_on_each_example_are_not_called_labels(tmp_path, run, monkeypatch, capsys):
    table = pd.read_csv(tmp_path / "set" / "margin-a-seed1" / "accuracy.csv")
    table.assign(answers=3 * table["labeled"]).to_csv(tmp_path / "set" / "margin-a-seed1" / "accuracy.csv", index=False)
    text = typed(monkeypatch, capsys, str(tmp_path))
    assert "the next 240 answers" in text
    assert "labels" not in text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--labels=0"], "must be above 0"),
        (["--at=90"], "at most 1"),
        (["--labels=161"], "beyond what 160 labels can forecast"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path, run, monkeypatch, capsys, words, reason):
    with pytest.raises(SystemExit) as refused:
        typed(monkeypatch, capsys, str(tmp_path), *words)
    assert reason in str(refused.value)


def test_a_table_has_nothing_to_forecast(tmp_path, monkeypatch, capsys):
    save(make_table({("random", 0): (0.5, 0.6, 0.7)}), tmp_path / "sent")
    with pytest.raises(SystemExit, match="sent is a table of finished runs: compare forecasts with them by --check"):
        typed(monkeypatch, capsys, str(tmp_path / "sent"))


def test_a_source_of_a_name_that_no_system_takes_is_one_sentence(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="does not exist"):
        typed(monkeypatch, capsys, "x" * 300)


def test_check_says_how_often_intervals_held(tmp_path, monkeypatch, capsys):
    rows = [
        {"run": f"run{run}", "seed": run, "round": round, "labeled": 10 * round + 10, "strategy": "random"}
        | {"dataset": "made", "test_accuracy": 0.9 - 0.01 * run - (round + 2) ** -0.5}
        for run in range(2)
        for round in range(9)
    ]
    files.write_csv(tmp_path / "table.csv", list(rows[0]), rows)
    lines = typed(monkeypatch, capsys, "--check", str(tmp_path / "table.csv")).splitlines()
    assert lines[0].split()[:2] == ["data", "set"]
    found = calibration.coverage(calibration.outcomes(pd.DataFrame(rows)))
    whole = next(line.split() for line in lines if line.startswith("all "))
    assert whole[:5] == ["all", "2", "20", f"{100 * found.share:.1f}", "%"]
    assert [line.split("  ")[0] for line in lines[-3:]] == [
        f"all, {reach} times the labels" for reach in ("1 to 1.25", "1.25 to 1.5", "1.5 to 2")
    ]


def test_status_shows_what_the_next_labels_of_an_unfinished_run_bring(tmp_path, run):
    text = status.status([str(tmp_path)])
    expected = forecasts.in_words(run).partition(";")[0].removeprefix("the next ")
    assert "next labels" in text
    assert expected in text
    shutil.rmtree(tmp_path / "set")
    made_run(tmp_path / "set" / "margin-a-seed1", [0.5])
    assert "next labels" not in status.status([str(tmp_path)])
