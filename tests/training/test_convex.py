"""``model=linear`` and ``model=mlp``: runs on vectors, ensembles, and the penalty by cross-validation."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from alrun.loop.run import Run
from alrun.models import Linear, Mlp, infer
from alrun.models.outputs import Needs
from alrun.pool.pool import Pool
from alrun.runs.state import RunState
from alrun.system import rng
from alrun.system.errors import UserError
from alrun.training import regularization
from alrun.training.convex import Convex

CLASSES = 4


@pytest.fixture(scope="module")
def made():
    """Overlapping classes, so that a pool of 240 examples is not learned at once."""
    draws = np.random.default_rng(0)
    labels = np.arange(340) % CLASSES
    rows = (draws.normal(size=(CLASSES, 12))[labels] + 1.5 * draws.normal(size=(340, 12))).astype(np.float32)
    return rows, labels


@pytest.fixture
def vectors(made, tmp_path):
    """The settings that name them."""
    rows, labels = made
    arrays = {"train_features": rows[:240], "train_labels": labels[:240]}
    np.savez(tmp_path / "f.npz", **arrays, test_features=rows[240:], test_labels=labels[240:])
    return "dataset=features", f"dataset.path={tmp_path / 'f.npz'}"


def pool_of(made, count=120):
    rows, labels = made
    return Pool(torch.from_numpy(rows), torch.from_numpy(labels), torch.arange(count))


def fitted(made, model, **settings):
    trainer = Convex(lambda rows: rows.float(), 100, **settings)
    pool = pool_of(made)
    return trainer.fit(model, pool, 3, 1, lambda epoch, accuracy: None), pool


def test_a_run_reaches_the_optimum_of_scikit_learn_in_every_round(made, vectors, complete):
    run_dir = complete(*vectors, "model=linear", "strategy=margin")
    table, queries = pd.read_csv(run_dir / "accuracy.csv"), pd.read_csv(run_dir / "queries.csv")
    rows, labels = made
    for line in table.itertuples():
        bought = queries[queries["round"] <= line.round]["index"]
        model = LogisticRegression(tol=1e-8, max_iter=10_000).fit(rows[bought].astype(float), labels[bought])
        assert line.test_accuracy == pytest.approx(model.score(rows[240:].astype(float), labels[240:]))
        assert line.train_accuracy == pytest.approx(model.score(rows[bought].astype(float), labels[bought]))
    assert set(table.stopped_by) == {"optimum"}


def test_reset_and_update_agree(vectors, complete):
    update = complete(*vectors, "model=linear", "strategy=badge")
    reset = complete(*vectors, "model=linear", "strategy=badge", "model_update=reset")
    assert update != reset
    columns = ["labeled", "test_accuracy", "train_accuracy"]
    one, other = (pd.read_csv(run_dir / "accuracy.csv")[columns] for run_dir in (update, reset))
    assert one.equals(other)
    assert (update / "queries.csv").read_text() == (reset / "queries.csv").read_text()


def test_epochs_that_go_on_from_the_round_before_are_told(vectors, complete, caplog):
    settings = (*vectors, "model=linear", "optimizer=adam", "strategy=random", "training.max_epochs=2")
    words = "model=linear goes on from the weights of the round before"
    caplog.set_level("INFO")
    complete(*settings, "model_update=reset")
    assert words not in caplog.text
    complete(*settings)
    assert words in caplog.text


@pytest.mark.parametrize("size", [1e15, 1e20, 1e30])
def test_the_squares_of_features_may_be_beyond_float32(made, size):
    """A penalty means nothing beside such features: the optimum is that of scikit-learn without one."""
    rows, labels = made
    model = Linear(12, CLASSES)
    result, pool = fitted((np.float32(size) * rows, labels), model)
    reference = LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000).fit(rows[:120].astype(float), labels[:120])
    assert result.stopped_by == "optimum"
    with torch.no_grad():
        found = model(pool.images).double().softmax(1)
    np.testing.assert_allclose(found, reference.predict_proba(rows.astype(float)), atol=1e-4)


def test_stopped_between_any_two_steps_a_run_ends_as_if_it_had_not_been(vectors, complete, tmp_path, monkeypatch):
    settings = (*vectors, "model=linear", "model.ensemble=3", "strategy=bald", "strategy.dropout_samples=3")
    run_dir = complete(*settings)
    expected = [(run_dir / name).read_bytes() for name in ("accuracy.csv", "queries.csv")]
    run_dir.rename(tmp_path / "whole")
    saved = Run.save

    def save_and_die(run):
        saved(run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Run, "save", save_and_die)
        for steps in range(1, 5):
            with pytest.raises(KeyboardInterrupt):
                complete(*settings)
            state = RunState.load(run_dir)
            assert len(state.rounds) + len(state.queries) - 1 == steps
    complete(*settings)
    assert [(run_dir / name).read_bytes() for name in ("accuracy.csv", "queries.csv")] == expected


def test_a_member_of_the_ensemble_is_fitted_to_a_bootstrap_sample(made):
    model = Linear(12, CLASSES, ensemble=3)
    _, pool = fitted(made, model)
    rows, labels = pool.images[:120].double(), pool.labels[:120]
    drawn = torch.randint(120, (120,), generator=rng.generator(3, "bootstrap", 1, 2))
    assert len(drawn.unique()) < 100
    other = LogisticRegression(tol=1e-8, max_iter=10_000).fit(rows[drawn].numpy(), labels[drawn].numpy())
    expected = torch.from_numpy(other.predict_log_proba(pool.images.double().numpy()))
    needs = Needs(dropout_samples=3)
    passes = infer.record(model, pool.images, torch.arange(340), needs, lambda rows: rows, 100).dropout_log_probs
    assert passes.shape == (3, 340, CLASSES)
    assert torch.allclose(passes[2].double(), expected, atol=1e-3)
    assert (passes[0] - passes[1]).abs().max() > 0.1


@pytest.mark.parametrize(("model", "strategy"), [("linear", "batch_bald"), ("linear", "bemps"), ("mlp", "bald")])
def test_strategies_that_read_disagreement_run(vectors, complete, strategy, model):
    several = ("model.ensemble=4", "strategy.dropout_samples=4") if model == "linear" else ("training.max_epochs=2",)
    run_dir = complete(*vectors, f"model={model}", f"strategy={strategy}", *several)
    assert len(pd.read_csv(run_dir / "accuracy.csv")) == 3


def test_the_penalty_is_the_one_that_cross_validation_of_scikit_learn_chooses(made):
    rows, labels = made
    ours = regularization.select_penalty(torch.from_numpy(rows[:90]), torch.from_numpy(labels[:90]), CLASSES)
    fold = np.array([np.sum(labels[:at] == labels[at]) % 5 for at in range(90)])
    splits = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(5)]
    model = LogisticRegression(solver="newton-cg", tol=1e-8, max_iter=1000)
    search = GridSearchCV(model, {"C": regularization.CHOICES}, scoring="neg_log_loss", cv=splits)
    assert ours == search.fit(rows[:90].astype(float), labels[:90]).best_params_["C"]
    assert ours not in (regularization.CHOICES[0], regularization.CHOICES[-1])


def test_every_class_is_spread_evenly_over_the_folds(made):
    labels = torch.from_numpy(made[1][:90])
    fold = regularization.assign_folds(labels)
    for label in range(CLASSES):
        counts = fold[labels == label].bincount(minlength=regularization.FOLDS)
        assert counts.max() - counts.min() <= 1


def test_the_chosen_penalty_is_used(made):
    model, given = Linear(12, CLASSES), Linear(12, CLASSES)
    _, pool = fitted(made, model, C=None)
    fitted(made, given, C=regularization.select_penalty(pool.images[:120], pool.labels[:120], CLASSES))
    assert model.head.weight.equal(given.head.weight)
    assert model.head.weight.any()


def test_the_embedding_of_a_linear_model_is_the_vector_and_of_an_mlp_its_last_hidden_layer(made):
    rows = torch.from_numpy(made[0])
    assert Linear(12, CLASSES).embed(rows).equal(rows)
    assert Mlp(12, CLASSES, width=7, layers=2).embed(rows).shape == (340, 7)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["model=mlp", "optimizer=convex"], "optimizer=convex trains model=linear alone, not model=mlp"),
        (["model=linear", "optimizer.C=0"], "optimizer.C=0"),
        (["model=linear", "strategy=bald"], "model=linear model.ensemble=10"),
        (
            ["model=linear", "model.ensemble=2", "strategy=bald"],
            "model.ensemble=2 has fewer; set model.ensemble=10 or strategy.dropout_samples=2",
        ),
        (["model=linear", "model.ensemble=1", "strategy=bald"], r"has fewer; set model.ensemble=10\.$"),
        (["model=linear", "dss=random"], "dss=random changes what an epoch .*: use dss=none, or model=mlp"),
        (["model=mlp", "model.dropout=0", "strategy=bald"], "has no dropout"),
    ],
)
def test_what_does_not_go_together_is_refused(vectors, complete, settings, words):
    with pytest.raises(UserError, match=words):
        complete(*vectors, *settings)
