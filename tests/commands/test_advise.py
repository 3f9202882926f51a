"""``alrun advise`` on the labels of a run, from the run's folder alone."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from alrun.commands import advise, cli
from alrun.runs.sheets import LABELS_FILE


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    draws = np.random.default_rng(0)
    labels = np.arange(260) % 3
    vectors = (np.eye(3)[labels] * 2 + draws.normal(size=(260, 3))).astype(np.float32)
    path = tmp_path / "data.npz"
    np.savez(
        path,
        train_features=vectors[:200],
        train_labels=labels[:200],
        test_features=vectors[200:],
        test_labels=labels[200:],
    )
    words = ["dataset=features", f"dataset.path={path}", "budget={seed_size: 40, batch_size: 20, total: 80}"]
    monkeypatch.setattr(
        sys, "argv", ["alrun", *words, "strategy=margin", f"paths.outputs={tmp_path}", "runtime.threads=1"]
    )
    cli.main()
    return next((tmp_path / "runs").glob("*/margin-*"))


def typed(monkeypatch, capsys, *words: object) -> str:
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["alrun advise", *map(str, words)])
    advise.main()
    return capsys.readouterr().out


def test_strategies_are_compared_on_what_is_labeled_and_the_bias_is_named(run, monkeypatch, capsys):
    before = sorted(run.rglob("*"))
    text = typed(monkeypatch, capsys, run, "--repeats=3", "--strategies=margin,entropy")
    assert text.startswith("3 replays on 80 labeled examples: 24 are held out as a test, and 9 to 34 of the others")
    rows = {line.split()[0]: line for line in text.splitlines() if " %" in line and "points (" in line}
    assert set(rows) >= {"margin", "entropy"}
    assert "40 of 80 queried examples were chosen by margin" in text
    assert typed(monkeypatch, capsys, run.parent, "--repeats=3", "--strategies=margin,entropy") == text
    assert sorted(run.rglob("*")) == before


def test_what_cannot_be_replayed_is_refused(run, tmp_path, monkeypatch, capsys):
    for words, reason in (
        ([run, "--repeats=2"], "give 3 or more"),
        ([run, "--strategies=random"], "compares nothing"),
        ([tmp_path / "none"], "does not exist"),
    ):
        with pytest.raises(SystemExit) as refused:
            typed(monkeypatch, capsys, *words)
        assert reason in str(refused.value)
    shutil.copytree(run, run.parent / "margin-copy-seed0")
    with pytest.raises(SystemExit, match="holds 2 runs"):
        typed(monkeypatch, capsys, tmp_path / "runs")
    assert not (run / LABELS_FILE).exists()
