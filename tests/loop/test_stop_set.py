"""The measures of stopping criteria against scikit-learn and scipy, and runs that end by them."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import cohen_kappa_score, f1_score

from alrun.analysis import sources
from alrun.loop import stop_set
from alrun.loop.part_checks import check_until
from alrun.models.linear import Linear
from alrun.pool.pool import Pool
from alrun.system.errors import SettingError

CLASSES = 4


def predictions(seed: int, share: float, size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    earlier = draws.integers(0, CLASSES, size)
    return earlier, np.where(draws.random(size) < share, draws.integers(0, CLASSES, size), earlier)


@pytest.mark.parametrize("share", [0, 0.05, 1])
def test_agreement_and_change_of_f_are_those_of_scikit_learn(share):
    earlier, later = predictions(3, share)
    assert stop_set.kappa(earlier, later, CLASSES + 2) == pytest.approx(cohen_kappa_score(earlier, later))
    expected = 1 - f1_score(earlier, later, average="macro")
    assert stop_set.predicted_change_of_f(earlier, later, CLASSES + 2) == pytest.approx(expected)


def test_two_models_that_know_one_class_alone_agree():
    same = np.zeros(5, dtype=int)
    assert stop_set.kappa(same, same, CLASSES) == 1
    assert stop_set.predicted_change_of_f(same, same, CLASSES) == 0


def test_the_measures_are_those_of_two_models_that_are_compared_by_hand():
    draws = torch.Generator().manual_seed(5)
    vectors = torch.randn(2500, 6, generator=draws)
    labels = torch.randint(0, CLASSES, (2500,), generator=draws)
    labels[3] = -2  # "none of these": nothing that a model could have known
    pool, query = Pool(vectors, labels), torch.tensor([3, 70, 8, 11])
    pool.label(torch.arange(100, 400))
    pool.label(query)
    old, new = (Linear(features=6, classes=CLASSES) for _ in range(2))
    for model in (old, new):
        torch.nn.init.normal_(model.head.weight, generator=draws)
    kept = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    found = stop_set.measure_stopping(new, old.state_dict(), pool, query, 7, lambda batch: batch, 999)
    for name, tensor in new.state_dict().items():
        assert torch.equal(tensor, kept[name])

    index = stop_set.draw_stop_set(2500, 7)
    assert len(set(index.tolist())) == 2000
    assert not torch.equal(index, stop_set.draw_stop_set(2500, 8))
    x = vectors.double().numpy()
    before, after = (
        x @ model.head.weight.detach().double().numpy().T + model.head.bias.detach().double().numpy()
        for model in (old, new)
    )
    first, second = before[index].argmax(1), after[index].argmax(1)
    is_open = np.array([not 100 <= i < 400 and i not in query.tolist() for i in index.tolist()])
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.delta_f == pytest.approx(1 - f1_score(first, second, average="macro"))
    assert found.changed == np.mean(first[is_open] != second[is_open])
    probs = np.exp(after - after.max(1, keepdims=True))
    expected = entropy(probs[index][is_open], axis=1).mean() / math.log(CLASSES)
    assert found.uncertainty == pytest.approx(expected, rel=1e-5)
    assert found.batch_accuracy == np.mean(before[[70, 8, 11]].argmax(1) == labels[[70, 8, 11]].numpy())


def test_every_round_but_the_first_has_measures_and_measuring_changes_no_result(complete, monkeypatch):
    folder = complete("strategy=badge", "seed=4")
    table = pd.read_csv(folder / "stopping.csv")
    assert table.loc[1:].notna().all(axis=None)
    assert table.loc[0, "kappa":"batch_accuracy"].isna().all()
    results = {name: (folder / name).read_bytes() for name in ("accuracy.csv", "queries.csv", "measures.csv")}
    sealed = json.loads((folder / "done").read_text())
    assert "stopping.csv" in sealed
    monkeypatch.setattr("alrun.loop.run.measure_stopping", lambda *_: stop_set.StopMeasures())
    again = complete("strategy=badge", "seed=4", f"paths.outputs={folder.parents[2] / 'again'}")
    assert {name: (again / name).read_bytes() for name in results} == results


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
