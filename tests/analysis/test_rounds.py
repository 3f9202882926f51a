"""The table of all results, and what keeps a run out of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import result_files, rounds, scores, sources
from alrun.analysis.curves import name_curves
from alrun.commands.results import main
from alrun.runs import finished
from alrun.system.errors import UserError
from tests.analysis.made_runs import make_run
from tests.analysis.made_tables import make_table

CONFIG = {"optimizer": {"lr": 0.01, "build": {"lr": 0.01, "betas": [0.9, 0.999]}, "schedule": None}}


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    return [
        make_run(tmp_path / "toy", option, seed, [0.5, 0.6, 0.7], config=CONFIG, **settings)
        for option, settings in (("random", {}), ("entropy", {"dropout_samples": 10}))
        for seed in (0, 1)
    ]


def test_nothing_finished_is_an_empty_table(tmp_path):
    results = sources.measured(rounds.gather([tmp_path / "missing"]))
    assert results.rounds.empty
    assert [problem.run for problem in results.problems] == [tmp_path / "missing"]


def test_a_row_per_run_and_round_with_all_settings_as_columns(runs):
    table, problems = rounds.gather(runs)
    assert problems == []
    assert len(table) == 4 * 3
    row = table.iloc[-1].to_dict()
    expected = {
        "run": f"toy/{runs[-1].name}",
        "strategy": "entropy",
        "seed": 1,
        "round": 2,
        "labeled": 300,
        "test_accuracy": 0.7,
        "train_seconds": 2.0,
        "class_accuracy": "0.7 0.7",
        "class_labeled": "150 150",
        "dataset": "toy",
        "batch_size": "",  # a group without an option
        "strategy.dropout_samples": "10",
        "optimizer.build.lr": "0.01",  # resolved
        "optimizer.build.betas": "[0.9, 0.999]",
        "optimizer.schedule": "null",
        "budget.batch_size": "100",
        "hardware": "a CPU",
    }
    assert {key: row[key] for key in expected} == expected
    assert table["strategy.dropout_samples"].iloc[0] == ""  # random has no such setting
    settings = rounds.setting_columns(table)
    assert {"strategy", "dataset", "budget.batch_size", "optimizer.lr"} <= set(settings)
    assert not {"seed", "run", "folder", "hardware", "test_accuracy", "name"} & set(settings)


def test_a_lean_table_is_smaller_and_has_the_same_efficiencies_to_six_digits(runs, tmp_path):
    table = rounds.gather(runs).rounds
    result_files.write_results(table, tmp_path / "all")
    result_files.write_results(result_files.lean(table), tmp_path / "lean")
    size = {name: (tmp_path / name / "rounds.csv").stat().st_size for name in ("all", "lean")}
    assert size["lean"] < 0.8 * size["all"]
    read = result_files.read_results(tmp_path / "lean")
    assert {"class_accuracy", "class_names", "kappa", "criteria"}.isdisjoint(read)
    for column in ("test_accuracy", "nll", "train_seconds"):
        np.testing.assert_allclose(read[column], table[column], rtol=5e-6)
    pd.testing.assert_series_equal(read["labeled"], table["labeled"])
    areas = [scores.per_run(name_curves(each)).set_index("run")["aubc"] for each in (read, table)]
    pd.testing.assert_series_equal(*areas, rtol=1e-5)


def test_the_table_read_back_from_csv_is_the_same(runs, tmp_path):
    table = rounds.gather(runs).rounds
    result_files.write_results(table, tmp_path / "results.csv")
    pd.testing.assert_frame_equal(result_files.read_results(tmp_path / "results.csv"), table)
    result_files.write_results(table, tmp_path / "results")
    pd.testing.assert_frame_equal(result_files.read_results(tmp_path / "results"), table)
    settings, measures = (pd.read_csv(tmp_path / "results" / name) for name in ("runs.csv", "rounds.csv"))
    assert (len(settings), len(measures)) == (4, 12)
    assert "optimizer.lr" in settings
    assert "optimizer.lr" not in measures
    settings[1:].to_csv(tmp_path / "results" / "runs.csv", index=False)
    with pytest.raises(UserError, match=f"results is not a table .*{runs[0].name} is in one of its two files alone"):
        result_files.read_results(tmp_path / "results")


def test_parquet_holds_numbers_where_a_column_has_nothing_else(runs, tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet is an extra: pip install 'alrun[parquet]'")
    table = rounds.gather(runs).rounds
    result_files.write_results(table, tmp_path / "results.parquet")
    read = pd.read_parquet(tmp_path / "results.parquet")
    assert read.shape == table.shape
    assert read["optimizer.lr"].tolist() == [0.01] * 12


def test_without_pyarrow_parquet_is_refused_with_the_cure(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"needs pyarrow: pip install 'alrun\[parquet\]'"):
        result_files.write_results(rounds.gather(runs).rounds, tmp_path / "results.parquet")


def test_another_suffix_is_refused(runs, tmp_path):
    with pytest.raises(UserError, match=r"results.xlsx: results are written as .csv, .parquet or to a folder"):
        result_files.write_results(rounds.gather(runs).rounds, tmp_path / "results.xlsx")


def test_runs_that_are_not_finished_are_named_with_the_reason(runs, tmp_path):
    setting = tmp_path / "toy"
    unfinished = make_run(setting, "badge", 0, [0.5, 0.6], done=False)
    failed = make_run(setting, "badge", 1, [0.5], done=False)
    (failed / "run.log").write_text("2026-01-01 INFO badge\n2026-01-01 00:00:00,1 ERROR alrun: too few examples.\n")
    lost = make_run(setting, "badge", 2, [0.5])
    (lost / "timing.csv").unlink()
    table, problems = rounds.gather([*runs, unfinished, failed, lost, setting / "badge-1-seed3", runs[0]])
    assert table["run"].nunique() == 4
    assert [(problem.run, problem.status) for problem in problems] == [
        (unfinished, "unfinished"),
        (failed, "failed"),
        (lost, "unfinished"),
        (setting / "badge-1-seed3", "missing"),
        (runs[0], "duplicate"),
    ]
    assert problems[0].reason == "2 rounds are done; the run's command continues from there."
    assert problems[1].reason == "too few examples."
    assert "timing.csv was deleted" in problems[2].reason


@pytest.mark.parametrize("name", ["accuracy.csv", "timing.csv", "per_class.csv", "run.json"])
@pytest.mark.parametrize("content", [b"", b"some,other,words\n1,2,3\n", b"\xff\xfe", b"{"])
def test_a_damaged_file_leaves_the_other_runs(runs, name, content):
    (runs[2] / name).write_bytes(content)
    table, problems = rounds.gather(runs)
    assert table["run"].nunique() == 3
    assert [problem.status for problem in problems] == ["damaged"]
    assert f"{runs[2].name}/{name} is damaged" in problems[0].reason
    assert "delete it, and the run's command writes it again" in problems[0].reason


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(-9, "cut short|no float|convert"), (-1 - len("2,300,0.7,0.1"), "2 rows, not one for each of 3 rounds")],
)
def test_a_truncated_table_is_noticed_at_whatever_place(runs, cut, reason):
    path = runs[1] / "accuracy.csv"
    path.write_text(path.read_text()[:cut])
    table, problems = rounds.gather(runs)
    assert table["run"].nunique() == 3
    assert len(problems) == 1
    assert pd.Series([problems[0].reason]).str.contains(reason).all()


def test_runs_of_another_version_and_altered_tables_are_named_and_left_out(runs):
    record = runs[0] / "run.json"
    about = json.loads(record.read_text())
    del about["revisions"]
    record.write_text(json.dumps(about))
    finished.seal_results(runs[1])
    table = runs[1] / "accuracy.csv"
    table.write_text(table.read_text().replace("0.", "0.1", 1))
    gathered = rounds.gather(runs)
    assert {problem.status for problem in gathered.problems} == {"other version", "damaged"}
    assert "computed by alrun" in str(gathered.problems[0])
    assert "accuracy.csv changed since the run ended" in str(gathered.problems[1])
    assert set(gathered.rounds["run"]) == {rounds.run_name(run) for run in runs[2:]}


def test_sources_are_runs_folders_patterns_and_tables(runs, tmp_path):
    everything = sources.load([str(tmp_path)]).rounds
    assert everything["run"].nunique() == 4
    assert sources.load([str(runs[0])]).rounds["run"].unique().tolist() == [f"toy/{runs[0].name}"]
    assert sources.load([f"{tmp_path}/*/entropy-*"]).rounds["strategy"].unique().tolist() == ["entropy"]
    result_files.write_results(everything, tmp_path / "all.csv")
    both, problems = sources.load([str(tmp_path / "all.csv"), str(runs[0])])
    assert len(both) == len(everything)  # a run counts once
    assert problems == []


@pytest.mark.parametrize(
    ("source", "reason"), [("nowhere", "does not exist"), (".", "holds no run"), ("a.csv", "is not a table of results")]
)
def test_a_source_that_is_none_is_refused(tmp_path, monkeypatch, source, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"{source} {reason}"):
        sources.load([source])


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_table_that_is_cut_off_is_refused(tmp_path, cut):
    path = tmp_path / "t.csv"
    result_files.write_results(make_table({("random", 0): (0.1, 0.1625)}), path)
    path.write_bytes(path.read_bytes()[: -cut - 1])
    if cut == 1:
        assert len(result_files.read_results(path)) == 2  # only the end of the line, and a digit of nothing
        return
    with pytest.raises(UserError, match="line 3 has fewer cells than the first line has names: it is cut off"):
        result_files.read_results(path)


def test_cells_too_many_and_versions_with_a_point_are_told(tmp_path):
    path = tmp_path / "t.csv"
    result_files.write_results(make_table({("random", 0): (0.1, 0.2)}), path)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(f"{row}," for row in rows)]))
    assert len(result_files.read_results(path)) == 2  # commas at the ends of lines
    path.write_text("\n".join([header, *(f"{row},x" for row in rows)]))
    with pytest.raises(UserError, match="line 2 has more cells than the first line has names"):
        result_files.read_results(path)
    path.write_text("\n".join([f"{header},seed", *(f"{row},0" for row in rows)]))
    with pytest.raises(UserError, match="it has two columns seed"):
        result_files.read_results(path)
    table = make_table({("random", 0): (0.1, 0.2)})
    result_files.write_results(table.assign(schema_version="4.0"), path)
    assert len(result_files.read_results(path)) == 2
    result_files.write_results(table.assign(schema_version="99"), path)
    with pytest.raises(UserError) as later:
        result_files.read_results(path)
    assert "update alrun" in str(later.value)
    assert "is not a table of results" not in str(later.value)


def test_the_command_writes_the_table_and_lists_what_is_left_out(runs, tmp_path, monkeypatch, capsys):
    (runs[2] / "done").unlink()
    monkeypatch.setattr(sys, "argv", ["results", str(tmp_path), "-o", str(tmp_path / "all.csv")])
    main()
    text = capsys.readouterr().out
    assert "9 rounds of 3 runs" in text
    assert "toy  random  seeds 0, 1" in text
    assert "Left out is 1 run:" in text
    assert "3 rounds are done" in text
    assert len(result_files.read_results(tmp_path / "all.csv")) == 9


def test_the_commands_start_without_torch_and_pandas():
    probe = (
        "import sys, alrun.commands.results; sys.exit(bool({'torch', 'numpy', 'pandas', 'scipy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0


def test_a_run_of_before_the_measures_is_read_without_them(tmp_path):
    new, old = (make_run(tmp_path / "toy", "random", seed, [0.5, 0.6]) for seed in (0, 1))
    (old / "measures.csv").unlink()
    table = rounds.gather([new, old]).rounds
    assert table["macro_f1"].tolist()[:2] == [0.5, 0.6]
    assert table["macro_f1"].isna().tolist() == [False, False, True, True]
    assert list(table.columns).index("macro_f1") < list(table.columns).index("dataset")


def test_the_table_has_the_measures_of_a_run(complete):
    folder = complete("strategy=random")
    table, measures = rounds.gather([folder]).rounds, pd.read_csv(folder / "measures.csv")
    for name in measures:
        assert table[name].tolist() == pytest.approx(measures[name].tolist(), nan_ok=True), name
    (folder / "measures.csv").unlink()
    (problem,) = rounds.gather([folder]).problems
    assert "measures.csv changed since the run ended: the run's command restores it" in problem.reason
