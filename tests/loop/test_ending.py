"""Runs that end before their budget is spent."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import sources
from alrun.loop.part_checks import check_until
from alrun.system.errors import SettingError


def test_a_run_that_ends_early_is_the_beginning_of_the_one_that_does_not(complete):
    whole = complete("strategy=random")
    early = complete("strategy=random", "stopping=kappa", "stopping.threshold=0", "stopping.window=1")
    rows = (whole / "accuracy.csv").read_text().splitlines()
    assert (early / "accuracy.csv").read_text().splitlines() == rows[:3]
    record = json.loads((early / "run.json").read_text())
    assert (record["rounds"], record["ended_by"]) == ([20, 40], "stopping=kappa")
    assert sources.load([str(early)]).rounds["labeled"].tolist() == [20, 40]


def test_a_run_ends_at_the_accuracy_that_was_asked_for(complete):
    whole = pd.read_csv(complete("strategy=random") / "accuracy.csv")
    wanted = float(whole.test_accuracy[1])
    assert whole.test_accuracy[0] < wanted
    early = complete("strategy=random", f"budget.until_accuracy={wanted}")
    assert len(pd.read_csv(early / "accuracy.csv")) == 2
    assert "until_accuracy" in json.loads((early / "run.json").read_text())["ended_by"]


def test_an_accuracy_cannot_end_a_run_without_a_test_set():
    check_until(None, SimpleNamespace(test_labels=np.empty(0)))
    check_until(0.5, SimpleNamespace(test_labels=np.zeros(3)))
    with pytest.raises(SettingError, match=r"until_accuracy=0\.5 needs a test set"):
        check_until(0.5, SimpleNamespace(test_labels=np.empty(0)))


def test_a_run_that_was_killed_while_it_ended_early_ends_with_the_same_bytes(complete):
    words = ("strategy=random", "stopping=kappa", "stopping.threshold=0", "stopping.window=1")
    folder = complete(*words)
    names = ("accuracy.csv", "stopping.csv", "queries.csv", "run.json")
    before = {name: (folder / name).read_bytes() for name in names}
    (folder / "done").unlink()
    (folder / "stopping.csv").unlink()
    assert complete(*words) == folder
    assert {name: (folder / name).read_bytes() for name in names} == before
