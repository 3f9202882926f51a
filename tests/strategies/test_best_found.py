"""The oracle keeps the best batch that it tried, which is as good in the run as it found; it is refused elsewhere."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs

from alrun.data.augmentation import Cast
from alrun.data.dataset import ImageData
from alrun.loop.part_checks import check_oracle
from alrun.strategies.base import Needs, together
from alrun.strategies.coreset import Coreset
from alrun.strategies.embeddings import FromFeatures
from alrun.strategies.more.best_found import BestFound
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.seed_set import FromStrategy
from alrun.strategies.uncertainty import Margin
from alrun.system.errors import UserError
from alrun.training.convex import Convex
from tests.strategies.queries import make_query


def oracle(searched: int = 40) -> BestFound:
    return BestFound({"margin": Margin(), "coreset": Coreset()}, searched)


def test_what_is_kept_is_the_best_of_all_that_were_tried_and_no_more_are_tried():
    strategy = oracle()
    query = make_query(strategy, size=12)
    value = torch.from_numpy(np.random.default_rng(0).random(120))
    tried: dict[tuple[int, ...], float] = {}

    def accuracy_with(index: torch.Tensor) -> float:
        assert len(index.unique()) == 12
        tried.setdefault(tuple(index.tolist()), float(value[index].mean()))
        return float(value[index].mean())

    chosen = strategy.select(replace(query, accuracy_with=accuracy_with))
    found = query.unlabeled.index[chosen]
    accuracies = list(tried.values())
    assert len(tried) == 40
    assert float(value[found].mean()) == max(accuracies)
    for inner, batch in zip((Margin(), Coreset()), tried, strict=False):
        own = make_query(strategy, size=12)
        assert sorted(own.unlabeled.index[inner.select(own)].tolist()) == list(batch)
    assert max(accuracies[3:]) > max(accuracies[:3])  # the search gains on proposals and chance
    best = float(value[query.unlabeled.index].sort(descending=True).values[:12].mean())
    assert max(accuracies) < best  # a lower bound


def test_what_several_strategies_need_is_what_each_needs():
    needs = [Needs(log_probs=True, dropout_samples=3), Needs(embedding=True, labeled=True, dropout_samples=2)]
    assert together(needs, Needs()) == Needs(log_probs=True, embedding=True, labeled=True, dropout_samples=3)


@pytest.fixture
def features(tmp_path) -> str:
    vectors, labels = make_blobs(400, 12, centers=4, cluster_std=6.0, random_state=0)[:2]
    np.savez(tmp_path / "f.npz", features=vectors.astype(np.float32), labels=labels)
    return f"dataset.path={tmp_path / 'f.npz'}"


BUDGET = ("budget.seed_size=8", "budget.batch_size=8", "budget.total=24", "optimizer=convex")


def test_the_accuracy_of_a_round_is_the_one_that_was_found_and_above_those_of_its_proposals(
    complete, features, monkeypatch
):
    found: list[float] = []
    select = BestFound.select

    def noting(self, query):
        accuracy_with, seen = query.accuracy_with, []

        def noted(index):
            seen.append(accuracy_with(index))
            return seen[-1]

        chosen = select(self, replace(query, accuracy_with=noted))
        found.append(max(seen))
        return chosen

    monkeypatch.setattr(BestFound, "select", noting)
    run = ("dataset=features", features, *BUDGET)
    table = pd.read_csv(complete(*run, "strategy=best_found", "strategy.searched=12") / "accuracy.csv")
    assert table.test_accuracy.tolist()[1:] == found
    alone = pd.read_csv(complete(*run, "strategy=margin") / "accuracy.csv").test_accuracy
    assert alone[0] == table.test_accuracy[0]
    assert alone[1] <= found[0]  # from the second round on it is elsewhere


def test_an_oracle_is_refused_where_it_would_be_chance_or_where_people_label(complete, features):
    with pytest.raises(
        UserError, match=r"strategy=best_found is an oracle, and trains a model for each .* optimizer=convex"
    ):
        complete("strategy=best_found", "optimizer=adam", "dataset=digits")
    wrapped = ("strategy=partitioned", "strategy@strategy.inner=best_found")
    with pytest.raises(UserError, match="strategy=best_found is an oracle"):
        complete("dataset=features", features, *BUDGET[:3], *wrapped, "optimizer=adam")
    vectors, labels = np.zeros((4, 2), np.float32), np.array([0, 1, -1, -1])
    unlabeled = ImageData(vectors, labels, vectors[:0], labels[:0], class_names=["cat", "dog"])
    convex = Convex(Cast(torch.device("cpu")), 10)
    with pytest.raises(UserError, match=r"strategy=best_found is an oracle: .* here people are to give them"):
        check_oracle(Partitioned(oracle()), convex, unlabeled)
    check_oracle(Margin(), convex, unlabeled)
    with pytest.raises(
        UserError, match=r"strategy@seed_set.strategy=best_found reads a trained model, and there is none yet"
    ):
        FromStrategy(BestFound({"coreset": Coreset()}), FromFeatures())


def test_that_an_oracle_within_another_strategy_has_its_answers():
    strategy = Partitioned(oracle(6), 2)
    query = make_query(strategy)
    assert len(strategy.select(query).unique()) == 20
