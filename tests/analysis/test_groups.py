"""Accuracy by group of test examples: from per_group.csv to the worst group and the table of a report."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import report, result_files, rounds, scores, sources
from alrun.analysis.curves import name_curves
from alrun.analysis.groups import MOST, group_sections
from alrun.analysis.metrics import METRICS, Reading
from alrun.commands import results
from alrun.system.errors import UserError
from tests.analysis.made_runs import make_run

WORST = Reading(METRICS["worst_group"])


def grouped(folder: Path, option: str, seed: int, accuracy: dict[str, list[float]]) -> Path:
    """A run whose test examples are in groups, with the accuracy of each by round."""
    run = make_run(folder, option, seed, [float(np.mean(each)) for each in zip(*accuracy.values(), strict=True)])
    rows = [
        {"round": round, "group": group, "test_accuracy": values[round]}
        for round in range(len(next(iter(accuracy.values()))))
        for group, values in accuracy.items()
    ]
    pd.DataFrame(rows).to_csv(run / "per_group.csv", index=False)
    return run


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    return [
        grouped(tmp_path / "toy", "random", 0, {"day": [0.5, 0.9], "night": [0.4, 0.5]}),
        grouped(tmp_path / "toy", "random", 1, {"day": [0.3, 0.4], "night": [0.4, 0.8]}),
        grouped(tmp_path / "toy", "entropy", 0, {"day": [0.5, 0.7], "night": [0.4, 0.6]}),
        grouped(tmp_path / "toy", "entropy", 1, {"day": [0.3, 0.6], "night": [0.4, 0.7]}),
    ]


def test_the_worst_group_is_the_lowest_of_each_round(runs, tmp_path):
    table = rounds.gather(runs).rounds
    by_hand = {
        run.name: pd.read_csv(run / "per_group.csv").groupby("round")["test_accuracy"].min().tolist() for run in runs
    }
    for run, frame in table.groupby("run"):
        assert frame["worst_group"].tolist() == by_hand[str(run).split("/")[1]]
    for path in (tmp_path / "all.csv", tmp_path / "two"):
        result_files.write_results(table, path)
        assert result_files.read_results(path)["worst_group"].tolist() == table["worst_group"].tolist()
    result_files.write_results(table.drop(columns="worst_group"), tmp_path / "before.csv")
    assert result_files.read_results(tmp_path / "before.csv")["worst_group"].tolist() == table["worst_group"].tolist()
    found = scores.per_run(name_curves(table), WORST)
    assert found.groupby("curve")["final"].mean().to_dict() == pytest.approx({"random": 0.45, "entropy": 0.6})


def test_a_report_has_each_group_and_is_read_by_the_worst(runs, tmp_path):
    found = rounds.gather(runs)
    page = report.write_report(found, tmp_path / "report", "groups", report.Choices(images=False, reading=WORST))
    text = page.read_text()
    assert "Groups of test examples" in text
    assert "Best by worst-group accuracy in the end is entropy with 60.0 ± 0.0 %" in text
    table = pd.read_csv(tmp_path / "report" / "tables" / "groups.csv").set_index("curve")
    std = 100 * np.std([0.9, 0.4], ddof=1)
    assert table.loc["random", "day (%)"] == f"65.0 ± {std:.1f}"
    assert table.loc["entropy", "night (%)"] == f"65.0 ± {100 * np.std([0.6, 0.7], ddof=1):.1f}"
    assert table.loc["random", "worst group (%)"] == f"45.0 ± {100 * np.std([0.5, 0.4], ddof=1):.1f}"
    final = pd.read_csv(tmp_path / "report" / "tables" / "worst-group_accuracy.csv").set_index("curve")
    assert final.loc["random", "final worst-group accuracy (%)"] == table.loc["random", "worst group (%)"]


def test_of_many_groups_the_worst_are_shown(tmp_path):
    accuracy = {f"patient {number}": [0.5, 0.9 - number / 100] for number in range(20)}
    (section,) = group_sections(name_curves(rounds.gather([grouped(tmp_path / "toy", "random", 0, accuracy)]).rounds))
    (table,) = section.tables.values()
    assert list(table) == ["curve", *(f"patient {number} (%)" for number in range(20 - MOST, 20)), "worst group (%)"]
    assert "Of 20 groups, the 8 with the lowest mean are shown." in section.text


def test_runs_without_groups_have_no_section_and_no_worst_group(runs, tmp_path, monkeypatch, capsys):
    plain = make_run(tmp_path / "other", "margin", 0, [0.5, 0.6])
    alone = rounds.gather([plain])
    assert group_sections(name_curves(alone.rounds)) == []
    with pytest.raises(UserError, match=r"^metric=worst_group: the test examples .* have no groups, .*; choose one"):
        sources.measured(alone, METRICS["worst_group"])
    both = rounds.gather([*runs, plain])
    assert math.isnan(both.rounds.iloc[-1]["worst_group"])
    (problem,) = sources.measured(both, METRICS["worst_group"]).problems
    assert "it has no worst-group accuracy" in str(problem)
    monkeypatch.setattr(sys, "argv", ["alrun results", str(tmp_path), "--metric", "worst_group"])
    results.main()
    shown = capsys.readouterr().out
    assert "  toy  entropy  seeds 0, 1  worst-group accuracy 60.0 % in the end\n" in shown
    assert "  other  margin  seeds 0  no worst-group accuracy\n" in shown
