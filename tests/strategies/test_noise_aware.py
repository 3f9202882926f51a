"""Labels that are probably wrong, against scikit-learn on the same parts, and what a strategy sees without them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from alrun.models.outputs import Outputs
from alrun.strategies.badge import Badge
from alrun.strategies.coreset import Coreset
from alrun.strategies.embeddings import FromFeatures
from alrun.strategies.more.noise_aware import NoiseAware, reads_labeled
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.more.tcm import Tcm
from alrun.strategies.random import Random
from alrun.system.errors import UserError
from tests.strategies.queries import make_query


def clouds(noise: float, labeled: int = 120):
    """A query about five clouds, and which of its labels are wrong."""
    numbers = np.random.default_rng(0)
    truth = numbers.integers(0, 5, 200)
    rows = torch.from_numpy((4 * np.eye(5, 8)[truth] + numbers.normal(size=(200, 8))).astype(np.float32))
    query = make_query(NoiseAware(Coreset()), n=200, labeled=labeled)
    labels = np.where(numbers.random(200) < noise, numbers.integers(0, 5, 200), truth)
    query.pool.labels.fill_(-1)
    index = query.labeled.index
    query.pool.labels[index] = torch.from_numpy(labels[index])
    free = query.unlabeled.index
    query = replace(query, unlabeled=Outputs(free, embedding=rows[free]), labeled=Outputs(index, embedding=rows[index]))
    return query, (labels != truth)[index]


def by_scikit_learn(query, folds: int, C: float) -> np.ndarray:
    x, labels = query.labeled.embedding.double().numpy(), query.labels.numpy()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0)).numpy()
    right = np.zeros(len(labels))
    for part in np.array_split(order, folds):
        right += LogisticRegression(C=C, tol=1e-8, max_iter=10_000).fit(x[part], labels[part]).predict(x) == labels
    return right >= folds / 2


@pytest.mark.parametrize(("folds", "C"), [(3, 1.0), (4, 0.1)])
def test_labels_are_confirmed_as_by_scikit_learn_and_the_inner_strategy_sees_these_alone(folds, C):
    query, wrong = clouds(0.3)
    confirmed = by_scikit_learn(query, folds, C)
    assert wrong[~confirmed].mean() > 2 * wrong.mean()
    assert (~confirmed).sum() > 0.8 * wrong.sum() > 10
    seen = []

    class Watching(Coreset):
        def select(self, query):
            seen.append((query.labeled.index, query.pool.labeled, query.labels))
            return super().select(query)

    chosen = NoiseAware(Watching(), folds, C).select(query)
    assert len(seen) == 1
    index, pooled, labels = seen[0]
    assert index.tolist() == pooled.tolist() == query.labeled.index[confirmed].tolist()
    assert labels.equal(query.labels[torch.from_numpy(confirmed)])
    kept = torch.from_numpy(np.flatnonzero(confirmed))
    assert chosen.tolist() == Coreset().select(replace(query, labeled=query.labeled.take(kept))).tolist()
    assert chosen.tolist() != Coreset().select(query).tolist()


def test_that_clean_labels_and_few_ones_are_all_seen():
    query, wrong = clouds(0.0)
    assert not wrong.any()
    everything = replace(query, rng=torch.Generator().manual_seed(0))
    assert NoiseAware(Coreset()).select(query).tolist() == Coreset().select(everything).tolist()
    few, _ = clouds(1.0, labeled=4)  # fewer than classes
    assert NoiseAware(Coreset()).select(few).tolist() == Coreset().select(few).tolist()


def test_labels_that_nothing_confirms_are_all_seen():
    query, _ = clouds(0.0, labeled=6)
    query.pool.labels[query.labeled.index] = torch.tensor([0, 1, 2, 3, 4, 0])
    rows = torch.zeros(6, 8)
    query = replace(query, labeled=Outputs(query.labeled.index, embedding=rows))
    assert len(NoiseAware(Coreset()).select(query).unique()) == query.size


def test_a_strategy_that_does_not_read_the_labeled_set_is_refused():
    for inner in (Random(), Badge(), Partitioned(Badge())):
        with pytest.raises(
            UserError, match=f"strategy@strategy.inner={type(inner).__name__.lower()} does not read the labeled set"
        ):
            NoiseAware(inner)
    assert reads_labeled(Partitioned(Coreset()))
    assert reads_labeled(Tcm(FromFeatures()))
