"""``alrun export`` from the folder of a run alone."""

import json
import sys

import pytest

from alrun.commands import cli, export


def test_a_run_is_exported_by_its_folder(tmp_path, monkeypatch, capsys):
    words = ["strategy=random", "limit=200", "training.max_epochs=1", "runtime.threads=1", f"paths.outputs={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["alrun", *words, "budget={seed_size: 20, batch_size: 20, total: 40}"])
    cli.main()
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["alrun export", str(tmp_path / "runs"), f"to={tmp_path / 'out'}"])
    export.main()
    assert capsys.readouterr().out.startswith("weights.pt, classifier.json are in ")
    about = json.loads((tmp_path / "out" / "classifier.json").read_text())
    assert (about["labeled"], len(about["classes"])) == (40, 10)
    for target, reason in (
        ("out", "say where the files go"),
        ("to=", "say where the files go"),
        (f"to={tmp_path / ('x' * 300)}", "File name too long"),
        (f"to={tmp_path / 'out' / 'classifier.json'}", "is a file: name a folder"),
    ):
        monkeypatch.setattr(sys, "argv", ["alrun export", str(tmp_path / "runs"), target])
        with pytest.raises(SystemExit, match=reason):
            export.main()
