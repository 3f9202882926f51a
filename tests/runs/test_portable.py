"""Runs that go on from their tables alone."""

import zipfile
from pathlib import Path

import pytest

from alrun.loop.run import Run
from alrun.loop.start import run
from alrun.runs import portable
from alrun.runs.state import RunState
from alrun.settings.planned_runs import options_of
from alrun.system.errors import UserError
from tests.conftest import without_checkpoints

SETTINGS = ("debug=fast", "runtime.progress=false", "model.dropout=0.3")
COMPARED = ("accuracy.csv", "measures.csv", "queries.csv", "per_class.csv")


class Stopped(BaseException):
    """Stands for the end of a window."""


@pytest.fixture
def command(composed):
    """``command(outputs, ...)``: computes, or goes on with, a run; its folder."""

    def start(outputs: Path, *overrides: str) -> Path:
        cfg = composed(*SETTINGS, f"paths.outputs={outputs}", *overrides, hydra=True)
        run_dir = Path(cfg.hydra.run.dir)
        run(cfg, run_dir, options_of(cfg))
        return run_dir

    return start


def stop_when(monkeypatch, round: int, trained: bool) -> None:
    """Let a run stop once ``round`` is trained, or, if not ``trained``, has bought labels."""
    save = RunState.save

    def mortal(state: RunState, run_dir: Path) -> None:
        save(state, run_dir)
        if len(state.rounds) == round + 1 and state.is_trained == trained:
            raise Stopped

    monkeypatch.setattr(RunState, "save", mortal)


@pytest.mark.parametrize("strategy", ["badge", "coreset"])
@pytest.mark.parametrize("trained", [False, True])
def test_on_a_new_machine_a_run_goes_on_from_its_tables_and_ends_alike(
    command, tmp_path, monkeypatch, strategy, trained
):
    whole = command(tmp_path / "whole", f"strategy={strategy}")
    with monkeypatch.context() as patch:
        stop_when(patch, round=1, trained=trained)
        with pytest.raises(Stopped):
            command(tmp_path / "first", f"strategy={strategy}")
    begun = tmp_path / "first" / "runs" / whole.parent.name / whole.name
    portable.pack_runs([begun], tmp_path / "runs.zip")
    portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "second" / "runs")
    moved = tmp_path / "second" / "runs" / whole.parent.name / whole.name
    assert portable.rebuild_checkpoint(moved) == (
        1 if trained else 2
    )  # the model that would choose after round 1 is lost
    fitted = []
    fit = Run.fit
    monkeypatch.setattr(Run, "fit", lambda self, round, *rest: (fitted.append(round), fit(self, round, *rest))[1])
    assert command(tmp_path / "second", f"strategy={strategy}") == moved
    assert fitted == ([1, 2] if trained else [2])
    for name in COMPARED:
        assert (moved / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_finished_run_is_finished_where_it_is_unpacked_and_is_a_few_kilobytes(command, tmp_path):
    whole = command(tmp_path / "whole")
    portable.pack_runs([whole], tmp_path / "runs.zip")
    assert (tmp_path / "runs.zip").stat().st_size < 5000
    portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "runs")
    moved = tmp_path / "runs" / whole.parent.name / whole.name
    names = set(portable.FILES) - {"per_group.csv", "queries.parquet"}  # no groups of test examples, and few queries
    assert {path.name for path in moved.iterdir()} == names
    for name in names:
        assert (moved / name).read_bytes() == (whole / name).read_bytes()


def test_tables_of_a_process_that_was_killed_between_them_count_as_far_as_they_agree(command, tmp_path):
    run_dir = command(tmp_path)
    without_checkpoints(run_dir)
    timing = (run_dir / "timing.csv").read_text().splitlines(keepends=True)
    (run_dir / "timing.csv").write_text("".join(timing[:2]))
    assert portable.rebuild_checkpoint(run_dir) == 1
    assert len(RunState.load(run_dir, portable.json.loads((run_dir / "run.json").read_text())["data"]).rounds) == 1


def test_where_weights_go_on_a_run_begins_anew(command, tmp_path):
    run_dir = command(tmp_path, "model_update=update")
    without_checkpoints(run_dir)
    assert portable.rebuild_checkpoint(run_dir) == 0
    assert not list(run_dir.glob("state-*.pt"))


def test_a_checkpoint_that_is_there_is_not_overruled(command, tmp_path):
    run_dir = command(tmp_path)
    portable.pack_runs([run_dir], tmp_path / "runs.zip")
    (run_dir / "accuracy.csv").write_text("newer")
    portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "runs")
    assert (run_dir / "accuracy.csv").read_text() == "newer"


@pytest.mark.parametrize(
    "name",
    [
        *("../outside/run/accuracy.csv", "setting/../run.json", "setting/run/other.txt", "/setting/done", "//x/done"),
        *(
            "setting//done",
            "./run/done",
            "C:/run/done",
            "setting/C:run/done",
            "..\\outside/run/done",
            "\\x\\y/run/done",
        ),
        "a\nb/run/done",
    ],
)
def test_an_archive_of_something_else_is_refused_in_a_sentence(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        archive.writestr(name, "")
    with pytest.raises(UserError, match="is not an archive of runs"):
        portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "runs")
    (tmp_path / "runs.zip").write_text("no zip")
    with pytest.raises(UserError, match="is not an archive of runs"):
        portable.unpack_runs(tmp_path / "runs.zip", tmp_path / "runs")
