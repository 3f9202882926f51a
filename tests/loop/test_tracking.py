"""Trackers show each round once, change nothing of the run, and cannot end it."""

import json
import sys
import types
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
import torch

from alrun.loop.tracking import Tracker
from alrun.runs.state import RunState
from alrun.system import interruption
from alrun.system.errors import UserError
from tests.conftest import checkpoint_of

FAKE = ("tracking=wandb", "tracking.mode=offline")


class FakeRun:
    """What alrun uses of a run of Weights & Biases."""

    url = None

    def __init__(self, settings: dict) -> None:
        self.settings = settings
        self.points: list[dict] = []
        self.finished = False

    def define_metric(self, name: str, step_metric: str) -> None:
        assert (name, step_metric) == ("*", "labeled")

    def log(self, values: dict) -> None:
        self.points.append(values)

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """A wandb that keeps the runs which are started, the last one of each id as the server does."""
    module = types.ModuleType("wandb")
    module.__spec__ = types.SimpleNamespace(name="wandb")  # type: ignore[assignment]
    module.runs = {}
    module.Settings = lambda **settings: settings

    def init(**settings):
        module.runs[settings["id"]] = FakeRun(settings)
        return module.runs[settings["id"]]

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def rows(run_dir: Path) -> dict[str, dict[int, float]]:
    """Every number of three tables, by name and number of labels; a column of NaN has none."""
    expected = {}
    for file in ("accuracy", "measures", "timing"):
        frame = pd.read_csv(run_dir / f"{file}.csv").set_index("labeled").drop(columns="round").dropna(axis=1)
        expected |= {f"{file}/{name}": column.to_dict() for name, column in frame.select_dtypes("number").items()}
    return expected


def told(points: list[dict]) -> dict[str, dict[int, float]]:
    """The points of a run in the same form; a point that comes twice is an error."""
    by_name: dict[str, dict[int, float]] = defaultdict(dict)
    for point in points:
        for name, value in point.items():
            if name != "labeled":
                assert point["labeled"] not in by_name[name], f"{name} came twice"
                by_name[name][point["labeled"]] = value
    return by_name


def test_a_tracker_gets_the_rows_of_the_tables(complete, wandb):
    folder = complete(*FAKE, "strategy=random")
    ((name, run),) = wandb.runs.items()
    assert told(run.points) == rows(folder)
    assert run.finished
    assert name == f"{folder.parent.name}-{folder.name}"
    assert run.settings["mode"] == "offline"
    assert run.settings["config"]["budget"]["total"] == 60


def test_a_tracker_changes_nothing_of_the_run(complete, tmp_path, wandb):
    results = {}
    for name, options in (("without", ()), ("with", FAKE)):
        folder = complete("strategy=random", *options, f"paths.outputs={tmp_path / name}")
        files = {path.name for path in folder.iterdir()}
        meta = json.loads((folder / "run.json").read_text())
        meta["options"].pop("tracking")
        texts = [(folder / file).read_bytes() for file in ("accuracy.csv", "queries.csv", "per_class.csv")]
        results[name] = (folder.relative_to(tmp_path / name), files, meta, texts)
    assert results["with"] == results["without"]
    assert not (tmp_path / "without" / "tracking").exists()
    assert (tmp_path / "with" / "tracking" / "wandb").is_dir()


def test_a_run_that_goes_on_shows_each_round_once(complete, monkeypatch, wandb):
    calls = 0

    def stop_after_three():
        nonlocal calls
        calls += 1
        if calls == 3:
            raise interruption.Interrupted("SIGTERM")

    with monkeypatch.context() as patch:
        patch.setattr("alrun.loop.run.interruption.stop_if_signaled", stop_after_three)
        with pytest.raises(interruption.Interrupted):
            complete(*FAKE, "strategy=random")
    (first,) = wandb.runs.values()
    assert first.finished
    assert sorted({point["labeled"] for point in first.points}) == [20, 40]
    folder = complete(*FAKE, "strategy=random")
    (run,) = wandb.runs.values()
    assert run is not first
    assert told(run.points) == rows(folder)


def test_tensorboard_reads_back_what_was_written_also_after_a_second_start(complete, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install 'alrun[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = complete("tracking=tensorboard", "strategy=random")
    (folder / "done").unlink()  # killed just before its end
    complete("tracking=tensorboard", "strategy=random")
    place = tmp_path / "tracking" / "tensorboard" / folder.parent.name / folder.name
    assert len(list(place.iterdir())) == 1
    events = EventAccumulator(str(place)).Reload()
    expected = rows(folder)
    assert set(events.Tags()["scalars"]) == set(expected)
    for name, values in expected.items():
        points = events.Scalars(name)
        assert [point.step for point in points] == list(values)
        assert [point.value for point in points] == pytest.approx(list(values.values()), rel=1e-6)


def test_weights_and_biases_writes_offline_once_also_after_a_second_start(complete, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed: pip install 'alrun[wandb]'")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    folder = complete(*FAKE, "strategy=random", "budget.total=40")
    (folder / "done").unlink()  # killed just before its end
    complete(*FAKE, "strategy=random", "budget.total=40")
    place = tmp_path / "tracking" / "wandb" / folder.parent.name / folder.name / "wandb"
    (record,) = place.glob(f"offline-run-*/run-{folder.parent.name}-{folder.name}.wandb")
    assert record.stat().st_size > 1000


class Breaks(Tracker):
    """Fails when it is told of the round with 40 labels, and notes what it is told afterwards."""

    afterwards = 0

    def open(self, folder, run_dir, settings):
        return "nowhere"

    def add(self, values, labeled):
        if labeled >= 40:
            Breaks.afterwards += 1
            raise OSError("no network")

    def close(self):
        raise AssertionError("a tracker that failed is left alone")


def test_a_tracker_that_fails_ends_no_run_and_is_told_of_once(complete, caplog):
    caplog.set_level("INFO")
    folder = complete("tracking._target_=tests.loop.test_tracking.Breaks", "strategy=random")
    assert (folder / "done").exists()
    assert len(pd.read_csv(folder / "accuracy.csv")) == 3
    failures = [record.getMessage() for record in caplog.records if "tracking failed" in record.getMessage()]
    assert failures == ["tracking failed, the run continues without it (OSError: no network)"]
    assert Breaks.afterwards == 1


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_package_that_is_missing_is_one_sentence_before_training(complete, tmp_path, monkeypatch, name):
    monkeypatch.setattr("alrun.loop.tracking.importlib.util.find_spec", lambda package: None)
    with pytest.raises(UserError, match=rf"tracking={name}: {name} is not installed; pip install 'alrun\[{name}\]'"):
        complete(f"tracking={name}")
    assert not list(tmp_path.glob("runs/*/*/state-*.pt"))


def test_rounds_that_were_computed_before_are_shown_by_a_tracker_that_comes_later(complete, wandb):
    folder = complete("strategy=random")
    (folder / "done").unlink()
    complete(*FAKE, "strategy=random")
    (run,) = wandb.runs.values()
    data = torch.load(checkpoint_of(folder), weights_only=True)["data"]
    assert len(RunState.load(folder, data).rounds) == 3
    assert told(run.points) == rows(folder)
