"""Runs that end before their budget is spent."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from alrun.analysis import sources
from alrun.data.labels import NONE_OF_THESE
from alrun.data.sources import digits
from alrun.loop.part_checks import check_until
from alrun.system.errors import SettingError
from alrun.training.trainer import Trainer


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


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("redundancy=duplicate", "redundancy.unique=60", "annotator=uniform", "annotator.rate=0.5"),
        ("imbalance=long_tail", "imbalance.ratio=4", "limit=300"),
        ("open_set=held_out",),
        ("shift=pool", "dataset@shift.dataset=digits", "shift.share=0.3"),
    ],
)
def test_what_was_trained_on_can_be_read_from_the_folder_alone(complete, monkeypatch, words):
    """Against the images and labels that the trainer was given in the last round."""
    given, fit = {}, Trainer.fit

    def spy(self, model, pool, *rest, **others):
        given.update(images=pool.images[pool.labeled], labels=pool.labels[pool.labeled])
        return fit(self, model, pool, *rest, **others)

    monkeypatch.setattr(Trainer, "fit", spy)
    folder = complete("strategy=random", *words)
    used = pd.read_csv(folder / "labels_used.csv", dtype={"label": str})
    queries = pd.read_csv(folder / "queries.csv")
    assert used[["round", "index"]].equals(queries[["round", "index"]])
    trained = used[used["label"] != NONE_OF_THESE]
    assert (len(trained) < len(used)) == ("open_set=held_out" in words)
    own = np.array(trained["row"].notna())  # the others come from the data set that joined
    assert own.all() != ("shift=pool" in words)
    rows, data = trained["row"][own].astype(int).to_numpy(), digits("")
    assert np.array_equal(data.train_images[rows], given["images"].numpy()[own])
    labels, truth = trained["label"][own].astype(int).to_numpy(), data.train_labels[rows]
    if "annotator=uniform" in words:
        assert labels.tolist() == given["labels"][own].tolist() != truth.tolist()
    else:
        assert labels.tolist() == truth.tolist()
