"""What a finished run still has to prove when the same command is typed again."""

import json
import shutil
import sys

import pytest

from alrun.runs import finished, own_code, run_folder
from alrun.settings import identity, targets
from alrun.system import interruption
from alrun.system.errors import UserError

MINE = """
import torch
from alrun.strategies import Strategy

class Mine(Strategy):
    def select(self, query):
        return torch.arange(query.size)
"""


def code(cfg) -> dict[str, str]:
    return own_code.hash_own_code(identity.deciding(cfg))


def test_altered_tables_of_a_finished_run_are_written_anew(complete, composed):
    run_dir = complete("strategy=random")
    path = run_dir / "accuracy.csv"
    right = path.read_bytes()
    cfg = composed("strategy=random")
    assert finished.doubts_about_run(run_dir, code(cfg)) == []
    for wrong in (right.replace(b"0.", b"1.", 1), right[:-9], b""):
        path.write_bytes(wrong)
        (sentence,) = finished.doubts_about_run(run_dir, code(cfg))
        assert "accuracy.csv in " in sentence
        assert "was restored" in sentence
        assert path.read_bytes() == right


def test_the_labels_of_a_simulation_are_written_anew_once_they_and_the_seal_are_removed(complete):
    run_dir = complete("strategy=random")
    files = {name: (run_dir / name).read_bytes() for name in ("labels_used.csv", "accuracy.csv")}
    for name in ("labels_used.csv", "done"):
        (run_dir / name).unlink()
    assert complete("strategy=random") == run_dir
    assert {name: (run_dir / name).read_bytes() for name in files} == files
    assert finished.altered_results(run_dir) == []


def test_a_table_that_was_sealed_before_answers_were_counted_is_restored_as_it_was(complete, composed):
    run_dir = complete("strategy=random")
    table = run_dir / "accuracy.csv"
    before = "".join(line.rsplit(",", 2)[0] + "\n" for line in table.read_text().splitlines())
    assert before.startswith("round,labeled,test_accuracy")
    table.write_text(before)
    finished.seal_results(run_dir)
    table.write_text(before.replace("0.", "0.9"))
    assert "had been changed" in finished.doubts_about_run(run_dir, {})[0]
    assert table.read_text() == before


def test_a_copied_run_without_its_checkpoint_cannot_be_restored(complete, composed, tmp_path):
    run_dir = complete("strategy=random")
    for path in run_dir.glob("state*"):
        path.unlink()
    (run_dir / "queries.csv").write_text("round,position,index\n")
    with pytest.raises(UserError, match=r"queries.csv in .* cannot be restored: move the folder away"):
        finished.doubts_about_run(run_dir, code(composed("strategy=random")))


def test_own_code_that_changed_is_named(complete, composed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_changed", raising=False)
    path = tmp_path / "mine_changed.py"
    path.write_text(MINE)
    monkeypatch.setattr(targets, "_listed", ("mine_changed",))
    own = ("strategy._target_=mine_changed.Mine", "allow=[mine_changed]")
    run_dir = complete("strategy=random", *own)
    cfg = composed("strategy=random", *own)
    assert run_folder.read_record(run_dir)["code"].keys() == {"mine_changed.py"}
    assert finished.doubts_about_run(run_dir, code(cfg)) == []
    path.write_text(MINE.replace("arange(query.size)", "arange(query.size).flip(0)"))
    (sentence,) = finished.doubts_about_run(run_dir, code(cfg))
    assert sentence.startswith("mine_changed.py has changed since ")


def test_a_run_that_went_on_with_other_code_keeps_saying_so(complete, composed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(targets, "_listed", ("mine_resumed",))
    monkeypatch.delitem(sys.modules, "mine_resumed", raising=False)
    path = tmp_path / "mine_resumed.py"
    path.write_text(MINE)
    own = ("strategy._target_=mine_resumed.Mine", "allow=[mine_resumed]")

    def stop():
        raise interruption.Interrupted("SIGTERM")

    with monkeypatch.context() as patch:
        patch.setattr("alrun.loop.run.interruption.stop_if_signaled", stop)
        with pytest.raises(interruption.Interrupted):
            complete("strategy=random", *own)
    path.write_text(MINE + "# edited\n")
    run_dir = complete("strategy=random", *own)
    assert run_folder.read_record(run_dir)["code_changed"] == {"mine_resumed.py": 0}
    (sentence,) = finished.doubts_about_run(run_dir, code(composed("strategy=random", *own)))
    assert sentence.startswith("mine_resumed.py was changed after round 0 of ")


def test_runs_of_other_versions_are_named_and_not_done(complete):
    run_dir = complete("strategy=random")
    assert run_folder.run_state(run_dir) == "done"
    path = run_dir / "run.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"revisions": {**about["revisions"], "trainer": 0}}))
    assert run_folder.run_state(run_dir) == "old"
    assert run_folder.other_version(run_dir) == "other revisions: trainer 0 (now 1)"
    del about["revisions"]
    path.write_text(json.dumps(about | {"versions": {"alrun": "0.1.0"}}))
    assert run_folder.other_version(run_dir) == "alrun 0.1.0"
    assert run_folder.run_state(run_dir) == "old"


def test_other_data_under_the_same_settings_are_told(tmp_path, caplog):
    old = tmp_path / "flowers-00aa11bb-small_cnn-12345678" / "random-abcdef-seed0"
    new = tmp_path / "flowers-22cc33dd-small_cnn-12345678" / "random-abcdef-seed0"
    other = tmp_path / "flowers-22cc33dd-small_cnn-87654321" / "random-abcdef-seed0"
    old.mkdir(parents=True)
    run_folder.check_other_data(other)
    assert not caplog.records
    run_folder.check_other_data(new)
    assert "have changed since" in caplog.text
    (old / "labels.csv").touch()
    with pytest.raises(UserError, match="labels were given in"):
        run_folder.check_other_data(new)
    shutil.copytree(old, new)
    run_folder.check_other_data(new)
