"""What a run that was refused leaves, and what of it others see."""

import pytest

from alrun.analysis.rounds import why_not
from alrun.commands import status
from alrun.runs.run_folder import remove_refused_run, run_state
from alrun.system.lock import Lock


@pytest.fixture
def refused(tmp_path):
    """A run that Hydra made a folder for, and no more."""
    folder = tmp_path / "digits-small_cnn-0" / "random-0-seed0"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").touch()
    for name in ("run.log", "failed.txt"):
        (folder / name).touch()
    return folder


def test_a_run_of_which_nothing_was_computed_is_forgotten(refused, tmp_path):
    remove_refused_run(refused)
    assert list(tmp_path.iterdir()) == []
    remove_refused_run(refused)  # nothing is there


@pytest.mark.parametrize("name", ["run.json", "state.pt", "training.pt", "accuracy.csv", "ask_1.csv", "notes of mine"])
def test_a_run_of_which_there_is_more_is_kept(refused, name):
    (refused / name).touch()
    remove_refused_run(refused)
    assert (refused / name).exists()
    assert (refused / "failed.txt").exists()


def test_a_run_that_another_process_has_is_kept(refused):
    with Lock(refused / ".lock"):
        remove_refused_run(refused)
        assert refused.exists()


def test_the_other_runs_of_a_setting_are_kept(refused):
    other = refused.with_name("random-0-seed1")
    other.mkdir()
    remove_refused_run(refused)
    assert (refused.exists(), other.exists()) == (False, True)


def test_a_run_that_began_is_shown_before_its_first_round_is_done(refused, tmp_path):
    (refused / "failed.txt").unlink()
    assert run_state(refused) == "begun"
    assert status.status([str(tmp_path)]).splitlines()[0].startswith("1 run: 1 interrupted.")
    assert "0 of ?" in status.status([str(tmp_path)])
    assert why_not(refused).status == "unfinished"
    assert why_not(refused).reason.startswith("no rounds are done")
