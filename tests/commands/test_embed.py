"""``alrun embed``: in parts, for a trial, and what it refuses."""

import json

import numpy as np
import pytest

from alrun.commands import embed
from alrun.settings.checks import validate
from alrun.system.errors import UserError
from tests.features.tiny import ALLOWED, ENCODER


def test_the_command(tmp_path, monkeypatch, capsys):
    words = [
        *ENCODER,
        f"paths.features={tmp_path}",
        f"paths.outputs={tmp_path}",
        ALLOWED,
        "runtime.device=cpu",
    ]
    for number, expected in (
        ("2/2", "part 2 of 2 is done; missing: 1"),
        ("1/2", "1297 + 500 vectors of 128 numbers, float32"),
    ):
        monkeypatch.setattr("sys.argv", ["alrun embed", *words, f"part={number}"])
        embed.main()
        assert expected in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["alrun embed", *words, f"paths.features={tmp_path / 'many'}", "part=1/40"])
    embed.main()
    assert "missing: 2, 3," in (told := capsys.readouterr().out)
    assert told.strip().endswith("20, 21 and 19 more")
    with pytest.raises(UserError, match="part=3/2 must name a part"):
        embed.without_part(["part=3/2"])


def test_that_a_checkpoint_needs_a_file(tmp_path, monkeypatch, composed):
    """It would be ImageNet's weights otherwise; a run's checks refuse it, too."""
    with pytest.raises(UserError, match=r"encoder.weights has no value: add encoder.weights=\.\.\. to the"):
        validate(composed("dataset=digits", "encoder=checkpoint"))
    words = ["dataset=digits", "encoder=checkpoint", f"paths.outputs={tmp_path}"]
    monkeypatch.setattr("sys.argv", ["alrun embed", *words])
    with pytest.raises(SystemExit, match=r"encoder.weights has no value"):
        embed.main()
    assert composed("encoder=checkpoint", "encoder.weights=r50.pth").encoder == (
        composed("encoder=torchvision", "encoder.weights=r50.pth").encoder
    )


@pytest.mark.parametrize("encoder", [(), ENCODER])
def test_that_vectors_need_no_embedding(tmp_path, monkeypatch, encoder):
    np.savez(tmp_path / "f.npz", features=np.eye(9, dtype=np.float32), labels=np.arange(9) % 3)
    words = ["dataset=features", f"dataset.path={tmp_path / 'f.npz'}", f"paths.outputs={tmp_path}", *encoder]
    monkeypatch.setattr("sys.argv", ["alrun embed", *words, ALLOWED])
    said = "dataset=features holds vectors already, so there is nothing to embed: start a run on them, by "
    with pytest.raises(SystemExit, match=f"{said}.*alrun dataset=features dataset.path={tmp_path / 'f.npz'}\\."):
        embed.main()


def test_that_a_trial_takes_as_many_examples_as_the_run_that_it_is_for(tmp_path, monkeypatch, capsys, complete):
    """A run with the same limit finds them, also when all have vectors: a run that began with them can be resumed."""
    words, told = [*ENCODER, ALLOWED, f"paths.features={tmp_path}", "runtime.device=cpu"], []
    for limit, expected in (
        ("limit=60", "60 + 60 vectors"),
        ("limit=null", "1297 + 500"),
        ("limit=60", "60 + 60 vectors"),
    ):
        monkeypatch.setattr("sys.argv", ["alrun embed", "dataset=digits", *words, limit])
        embed.main()
        assert expected in capsys.readouterr().out
        monkeypatch.setattr("alrun.features.embed.fill", refused)
        folder = complete(*words, "limit=60", "model=linear", "optimizer=convex", f"seed={len(told)}")
        monkeypatch.undo()
        told.append(json.loads((folder / "run.json").read_text())["data"])
    assert len(set(told)) == 1  # of the same data
    monkeypatch.setattr("sys.argv", ["alrun embed", "dataset=digits", *words, "limit=70"])
    embed.main()
    assert "1297 + 500" in capsys.readouterr().out  # nothing is left to try


def refused(*_, **__):
    raise AssertionError("the vectors are there")
