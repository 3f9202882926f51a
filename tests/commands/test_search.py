"""Searches: a validation split that is paid for and takes the test set's place, and Optuna on top of it."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import wraps

import numpy as np
import pandas as pd
import pytest

from alrun.analysis.rounds import gather
from alrun.commands import search, sweep
from alrun.data import sources
from alrun.settings import identity
from alrun.settings.checks import validate
from alrun.settings.hydra_errors import EXTRAS, unknown_option
from alrun.system.errors import UserError
from tests.conftest import without_checkpoints
from tests.heavy.crash_cases.runs import TINY

HELD_OUT = ("validation=30", "budget.total=90")  # two queries of 20 after a seed set of 20


def test_the_split_is_drawn_from_the_pool_and_nothing_is_left_of_the_test_set():
    data = sources.digits("")  # its arrays are shared by all that read it in this process
    data = replace(data, test_images=255 - data.test_images)
    part = data.held_out(100, np.random.default_rng(0))
    assert (len(part.train_labels), len(part.test_labels), part.classes) == (1197, 100, 10)

    def whole(images, labels):
        return sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))

    both = whole([*part.train_images, *part.test_images], [*part.train_labels, *part.test_labels])
    assert both == whole(data.train_images, data.train_labels)
    with pytest.raises(UserError, match="validation=1297 leaves none of the 1297 examples"):
        data.held_out(1297, np.random.default_rng(0))


def test_a_run_with_a_split_never_reads_the_test_set(complete, monkeypatch):
    first = complete(*HELD_OUT)
    results = (first / "accuracy.csv").read_text()
    (first / "done").unlink()
    without_checkpoints(first)
    digits = sources.digits

    @wraps(digits)
    def other_test_set(*arguments, **settings):
        data = digits(*arguments, **settings)
        return replace(data, test_images=0 * data.test_images, test_labels=0 * data.test_labels)

    monkeypatch.setattr(sources, "digits", other_test_set)
    assert complete(*HELD_OUT) == first
    assert (first / "accuracy.csv").read_text() == results


def test_the_split_is_part_of_the_budget_and_of_every_rounds_labels(complete):
    run_dir = complete(*HELD_OUT)
    rounds, bought = pd.read_csv(run_dir / "accuracy.csv"), pd.read_csv(run_dir / "queries.csv")
    assert rounds["labeled"].tolist() == [50, 70, 90]
    assert len(bought) == 60
    assert pd.read_csv(run_dir / "per_class.csv").groupby("round")["labeled"].sum().tolist() == [20, 40, 60]
    assert json.loads((run_dir / "run.json").read_text())["rounds"] == [50, 70, 90]
    table, problems = gather([run_dir])  # a good run, not a damaged one
    assert (problems, table["labeled"].tolist()) == ([], [50, 70, 90])
    said = search.report_labels(run_dir.parent.parent, 30)
    assert said.startswith("The 1 runs with validation=30")
    assert "used 90 different labels" in said
    assert search.objective(run_dir) == rounds["test_accuracy"].iloc[-1]


def test_without_a_split_runs_keep_their_names(composed):
    assert "validation" not in identity.identity(composed())
    assert identity.identity(composed("validation=30"))["validation"] == 30


def test_a_budget_that_a_split_uses_up_is_refused(composed):
    with pytest.raises(UserError, match=r"validation=190 and budget\.seed_size=20 are more labels"):
        validate(composed("validation=190"))
    with pytest.raises(UserError, match=r"budget\.total=200 without validation=170, so nothing would be"):
        validate(composed("validation=170"))


@pytest.mark.parametrize("file", EXTRAS)
def test_a_plugin_that_is_missing_is_named_with_its_extra(file):
    said = unknown_option(file, ["basic"])
    assert file.replace("/launcher/", "/launcher=").replace("/sweeper/", "/sweeper=") in said
    assert f"pip install 'alrun[{EXTRAS[file]}]'" in said


def test_a_ray_cluster_needs_outputs_in_full(composed):
    cfg = composed(hydra=True)
    sweep.check_outputs(cfg)
    with pytest.raises(UserError, match=r"paths\.outputs=outputs is relative.*paths\.outputs=/"):
        sweep.check_outputs(composed("+hydra.launcher.ray.init.address=auto", hydra=True))
    sweep.check_outputs(composed("+hydra.launcher.ray.init.address=auto", "paths.outputs=/shared/outputs", hydra=True))


def test_optuna_searches_by_the_split_and_tells_what_it_cost(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="hydra-optuna-sweeper is an extra")
    settings = [*TINY, *HELD_OUT, f"paths.outputs={tmp_path}", "hydra.sweeper.n_trials=6", "model.dropout=0"]
    words = ["search=optuna", *settings, "budget.seed_size=20", "optimizer.lr=choice(0.01, 1e6)"]
    answer = subprocess.run([sys.executable, "-m", "alrun", *words], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found = (tmp_path / "runs" / "optimization_results.yaml").read_text()
    assert "optimizer.lr: 0.01" in found  # the other one diverges, which counts as accuracy 0
    assert "lower optimizer.lr" in answer.stderr
    assert "with validation=30 in" in answer.stdout


def test_a_search_by_the_test_set_or_for_low_accuracy_is_refused(composed):
    cfg = composed(hydra=True)
    search.check_search(cfg)
    cfg.hydra.sweeper._target_ = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    with pytest.raises(UserError, match="must not use the test set: add validation="):
        search.check_search(cfg)
    cfg.validation = 30
    search.check_search(cfg)


def test_a_run_that_is_not_done_has_no_value(tmp_path):
    assert search.objective(tmp_path) is None
