"""The measures of stopping criteria against scikit-learn and scipy, and runs that end by them."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import cohen_kappa_score, f1_score

from alrun.loop import stop_set
from alrun.loop.run import Run
from alrun.models.linear import Linear
from alrun.pool.pool import Pool

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
    found = stop_set.StopSet(pool, 7, lambda batch: batch, 999).measure(3, new, old.state_dict(), query)
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
    monkeypatch.setattr(stop_set.StopSet, "measure", lambda *_: stop_set.StopMeasures())
    again = complete("strategy=badge", "seed=4", f"paths.outputs={folder.parents[2] / 'again'}")
    assert {name: (again / name).read_bytes() for name in results} == results


def test_what_is_kept_of_the_model_before_is_what_a_resumed_run_computes_again():
    draws = torch.Generator().manual_seed(6)
    pool = Pool(torch.randn(300, 6, generator=draws), torch.randint(0, CLASSES, (300,), generator=draws))
    models = [Linear(features=6, classes=CLASSES) for _ in range(4)]
    for model in models:
        torch.nn.init.normal_(model.head.weight, generator=draws)
    passed = []  # examples that went through a model

    def normalize(batch: torch.Tensor) -> torch.Tensor:
        passed.append(len(batch))
        return batch

    kept = stop_set.StopSet(pool, 7, normalize, 64)
    for round in (1, 2, 3):
        query = torch.arange(20 * round, 20 * round + 20)
        pool.label(query)
        before, after = models[round - 1].state_dict(), models[round]
        resumed = stop_set.StopSet(pool, 7, normalize, 64).measure(round, after, before, query)
        assert sum(passed) == 300 + 300 + 20
        passed.clear()
        assert kept.measure(round, after, before, query) == resumed
        assert sum(passed) == 300 + 20 + (300 if round == 1 else 0)
        passed.clear()


def test_predictions_are_not_kept_beyond_the_next_round():
    pool, query = Pool(torch.eye(6), torch.arange(6) % CLASSES), torch.tensor([1])
    pool.label(query)
    models = [Linear(features=6, classes=CLASSES) for _ in range(3)]
    for model, answer in zip(models, (0, 1, 1), strict=True):  # each is sure of one class
        torch.nn.init.zeros_(model.head.weight)
        model.head.bias.data = 9.0 * torch.nn.functional.one_hot(torch.tensor(answer), CLASSES)
    measured = stop_set.StopSet(pool, 7, lambda batch: batch, 64)
    assert measured.measure(1, models[1], models[0].state_dict(), query).changed == 1
    assert measured.measure(3, models[2], models[0].state_dict(), query).changed == 1  # not those of models[1]
    assert math.isnan(measured.measure(4, models[2], None, query).changed)  # its weights are lost


def test_a_run_that_is_stopped_after_every_step_measures_the_same(complete, tmp_path, monkeypatch):
    words = ("strategy=entropy", "budget.total=80")
    whole = complete(*words)
    saved = Run.save

    def save_and_die(run: Run) -> None:
        saved(run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", save_and_die)
        for _ in range(4 + 3):  # rounds and queries
            with pytest.raises(KeyboardInterrupt):
                complete(*words, f"paths.outputs={tmp_path / 'stopped'}")
    stopped = complete(*words, f"paths.outputs={tmp_path / 'stopped'}")
    assert len(pd.read_csv(stopped / "stopping.csv")) == 4
    assert (stopped / "stopping.csv").read_bytes() == (whole / "stopping.csv").read_bytes()
