"""The table and figure of hand-made runs."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from alrun.analysis import efficiency
from alrun.analysis.summary import summarize
from alrun.runs.run_folder import is_done
from alrun.system.errors import UserError
from tests.analysis.made_runs import make_run


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    return [
        make_run(tmp_path, "random", 0, [0.5, 0.6, 0.7]),
        make_run(tmp_path, "random", 1, [0.5, 0.62, 0.74]),
        make_run(tmp_path, "entropy", 0, [0.5, 0.7, 0.8], dropout_samples=0),
        make_run(tmp_path, "entropy", 1, [0.5, 0.74, 0.8], dropout_samples=0),
        make_run(tmp_path, "entropy", 0, [0.5, 0.6, 0.9], dropout_samples=10),
        make_run(tmp_path, "badge", 0, [0.5, 0.9], done=False),
    ]


def test_table_of_means_spreads_and_efficiency(runs, tmp_path, capsys):
    summarize(tmp_path, runs)
    text = " ".join(capsys.readouterr().out.split())
    assert "labels random entropy (dropout_samples=0) entropy (dropout_samples=10)" in text
    assert "200 61.0 ± 1.4 72.0 ± 2.8 60.0 " in text
    # At 70 %, which all reach: random 300 and 266.7 labels, entropy 200 and 183.3, with dropout 233.3.
    assert "labeling efficiency at 70.0 % accuracy" in text
    efficiency_of_entropy = np.array([300 / 200, (200 + 100 * 8 / 12) / (100 + 100 * 20 / 24)])
    mean, std = efficiency_of_entropy.mean(), efficiency_of_entropy.std(ddof=1)
    assert f"entropy (dropout_samples=0) {mean:.2f} ± {std:.2f} 6.0 s 1.50 s" in text
    assert f"entropy (dropout_samples=10) {300 / (200 + 100 / 3):.2f} 6.0 s 1.50 s" in text
    assert "random 1.00 ± 0.00" in text
    assert "badge" not in text  # not done
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert summary.repeats.tolist() == [2] * 6 + [1] * 3
    assert matplotlib.image.imread(tmp_path / "accuracy.png").shape[2] == 4


def test_without_a_random_run_there_is_no_efficiency(runs, tmp_path, capsys):
    summarize(tmp_path, runs[2:4])
    assert "no random run" in capsys.readouterr().out


def test_nothing_is_printed_of_runs_that_are_not_done(runs, tmp_path, capsys):
    summarize(tmp_path, runs[5:])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["accuracy.csv", "timing.csv", "run.json"])
@pytest.mark.parametrize("content", [b"", b"some,other,words\n1,2,3\n", b"\xff\xfe"])
def test_a_damaged_file_is_told_with_the_cure_and_the_rest_is_reported(runs, tmp_path, capsys, name, content):
    (runs[2] / name).write_bytes(content)
    summarize(tmp_path, runs)
    text = capsys.readouterr().out
    assert f"{runs[2].name}/{name} is damaged" in text
    assert "delete it, and the run's command writes it again" in text
    assert "labels random entropy" in " ".join(text.split())
    if name == "accuracy.csv":
        with pytest.raises(UserError, match=f"{name} is damaged"):
            efficiency.update_efficiency(runs[2])


def test_a_run_that_lost_a_file_is_not_done(runs):
    assert is_done(runs[2])
    (runs[2] / "timing.csv").unlink()
    assert not is_done(runs[2])


def test_efficiency_is_filled_in_when_the_random_run_ends(tmp_path):
    entropy = make_run(tmp_path, "entropy", 0, [0.5, 0.7, 0.8])
    other_seed = make_run(tmp_path, "entropy", 1, [0.5, 0.7, 0.8])
    for run in (entropy, other_seed):
        efficiency.update_efficiency(run)
        assert pd.read_csv(run / "labeling_efficiency.csv").labeling_efficiency.isna().all()
    efficiency.update_efficiency(make_run(tmp_path, "random", 0, [0.5, 0.6, 0.7]))
    table = pd.read_csv(entropy / "labeling_efficiency.csv")
    assert len(table) == 20
    assert table.is_floor.tolist() == [True] + [False] * 19  # 50 %, which both first rounds have
    assert table.accuracy.iloc[[0, -1]].tolist() == [0.5, 0.8]
    # Random reaches x at 100 + 1000 (x - 0.5) labels, up to 0.7; entropy at 100 + 500 (x - 0.5).
    reached = table[table.accuracy <= 0.7]
    expected = (100 + 1000 * (reached.accuracy - 0.5)) / (100 + 500 * (reached.accuracy - 0.5))
    assert np.allclose(reached.labeling_efficiency, expected)
    assert table[table.accuracy > 0.7].labeling_efficiency.isna().all()
    assert pd.read_csv(other_seed / "labeling_efficiency.csv").labeling_efficiency.isna().all()
