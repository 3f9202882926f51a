"""What a later alrun wrote is refused in one sentence wherever it is read; what an older one wrote is read."""

import json
import re

import pandas as pd
import pytest
import torch

from alrun.analysis import result_files, rounds, run_reader
from alrun.commands import cli
from alrun.runs import portable, run_folder, schema
from alrun.runs.state import RunState
from alrun.system.errors import UserError
from tests.conftest import checkpoint_of, without_checkpoints

LATER = schema.SCHEMA_VERSION + 1
SAYS = re.escape(f"later alrun (schema_version {LATER}; this one reads up to {schema.SCHEMA_VERSION}")


@pytest.fixture
def run_dir(complete):
    return complete("strategy=random")


def rewrite(path, version: int | None) -> None:
    """Let a JSON file tell another version, or none."""
    content = json.loads(path.read_text())
    del content["schema_version"]
    path.write_text(json.dumps(content if version is None else content | {"schema_version": version}))


def resave(path, change) -> None:
    """Change what a checkpoint holds."""
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def test_there_is_one_number_and_everything_that_is_written_has_it(run_dir, tmp_path):
    result_files.write_results(rounds.gather([run_dir]).rounds, tmp_path / "table")
    assert json.loads((run_dir / "run.json").read_text())["schema_version"] == schema.SCHEMA_VERSION
    assert pd.read_csv(tmp_path / "table" / "runs.csv")["schema_version"].tolist() == [schema.SCHEMA_VERSION]
    assert torch.load(checkpoint_of(run_dir), weights_only=True)["schema_version"] == schema.SCHEMA_VERSION


def test_results_of_a_later_version_are_refused_by_every_reader(run_dir, composed):
    rewrite(run_dir / "run.json", LATER)
    assert re.search(SAYS, run_folder.other_version(run_dir) or "")
    (problem,) = rounds.gather([run_dir]).problems
    assert (problem.status, bool(re.search(SAYS, problem.reason))) == ("other version", True)
    for reader in (run_reader.read_run, portable.rebuild_checkpoint):
        with pytest.raises(UserError, match=SAYS):
            reader(run_dir)
    with pytest.raises(UserError, match=SAYS):
        cli.start_run(composed("strategy=random"), run_dir, {})


def test_a_checkpoint_of_a_later_version_is_refused(run_dir):
    resave(checkpoint_of(run_dir), lambda content: content.update(schema_version=LATER))
    with pytest.raises(UserError, match=SAYS):
        RunState.load(run_dir)


@pytest.mark.parametrize("name", ["table", "table.csv"])
def test_a_table_of_a_later_version_is_refused(run_dir, tmp_path, name):
    table = rounds.gather([run_dir]).rounds
    result_files.write_results(table.assign(schema_version=str(LATER)), tmp_path / name)
    with pytest.raises(UserError, match=SAYS):
        result_files.read_results(tmp_path / name)


def test_what_older_versions_wrote_is_read(run_dir, tmp_path):
    now, read, state = rounds.gather([run_dir]).rounds, run_reader.read_run(run_dir), RunState.load(run_dir)
    rewrite(run_dir / "run.json", None)
    assert repr(run_reader.read_run(run_dir)) == repr(read)  # NaN is NaN
    for name in ("table", "table.csv"):
        result_files.write_results(now.drop(columns="schema_version"), tmp_path / name)
        assert result_files.read_results(tmp_path / name)["test_accuracy"].tolist() == now["test_accuracy"].tolist()
    resave(checkpoint_of(run_dir), lambda content: content.update(format=content.pop("schema_version")))
    assert repr(RunState.load(run_dir).rounds) == repr(state.rounds)
    without_checkpoints(run_dir)
    assert portable.rebuild_checkpoint(run_dir) == len(state.rounds) - 1
