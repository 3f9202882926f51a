"""Strategies that score, cover or sample; each against an obvious float64 formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from queries import NORMALIZE, make_query, names, query_about

from alrun.models import infer
from alrun.strategies import Needs, Outputs, Query
from alrun.strategies.badge import Badge
from alrun.strategies.bald import Bald
from alrun.strategies.coreset import Coreset
from alrun.strategies.more.disagreement import VariationRatio, VoteEntropy
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.random import Random
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alrun.system.errors import UserError


def numpy_scores(kind: str, probs: np.ndarray) -> np.ndarray:
    ordered = np.sort(probs, axis=1)
    return {
        "Entropy": -(probs * np.log(probs)).sum(1),
        "LeastConfidence": 1 - ordered[:, -1],
        "Margin": ordered[:, -2] - ordered[:, -1],
    }[kind]


@pytest.mark.parametrize("strategy", [Entropy(), LeastConfidence(), Margin()], ids=names)
def test_uncertainty_picks_equal_a_float64_sort(strategy):
    query = make_query(strategy)
    with torch.no_grad():
        images = NORMALIZE(query.pool.images[query.pool.unlabeled])
        logits = query.model.eval()(images).double().numpy()
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores = numpy_scores(type(strategy).__name__, probs)
    assert strategy.select(query).tolist() == np.argsort(-scores, kind="stable")[:20].tolist()


@pytest.mark.parametrize("strategy", [Entropy(3), LeastConfidence(3), Margin(3)], ids=names)
def test_dropout_variants_average_probabilities(strategy):
    query = make_query(strategy)
    passes = query.unlabeled.dropout_log_probs.double().exp().numpy()
    assert passes.shape == (3, 110, 5)
    assert not np.allclose(passes[0], passes[1])
    scores = numpy_scores(type(strategy).__name__, passes.mean(0))
    assert strategy.select(query).tolist() == np.argsort(-scores, kind="stable")[:20].tolist()


@pytest.mark.parametrize("strategy", [Entropy(), LeastConfidence(), Margin()], ids=names)
def test_scores_of_extreme_logits_are_finite_and_in_order(strategy):
    logits = torch.tensor([[3e38, -3e38, 0.0], [1e4, 0.0, -1e4], [500.0, 499.0, -500.0], [0.0, 0.0, 0.0]])
    outputs = Outputs(torch.arange(4), log_probs=logits.log_softmax(1))
    scores = strategy.score(query_about(outputs))
    assert scores.isfinite().all()
    assert scores.argmax() in ((2, 3) if isinstance(strategy, Margin) else (3,))
    assert scores[2] > scores[1] >= scores[0]


def test_ties_go_to_the_lower_index():
    outputs = Outputs(torch.arange(50), log_probs=torch.full((50, 4), math.log(0.25)))
    query = make_query(Entropy())
    assert Entropy().select(replace(query, size=7, unlabeled=outputs)).tolist() == list(range(7))


def bald(passes: np.ndarray) -> np.ndarray:
    mean = passes.mean(0)
    return -(mean * np.log(mean)).sum(1) + (passes * np.log(passes)).sum(2).mean(0)


def vote_shares(passes: np.ndarray) -> np.ndarray:
    votes = passes.argmax(2)
    return np.stack([(votes == c).mean(0) for c in range(passes.shape[2])], axis=1)


def vote_entropy(passes: np.ndarray) -> np.ndarray:
    return np.array([-sum(p * math.log(p) for p in row if p) for row in vote_shares(passes)])


@pytest.mark.parametrize(
    ("strategy", "reference"),
    [
        (Bald(5), bald),
        (VariationRatio(5), lambda passes: 1 - vote_shares(passes).max(1)),
        (VoteEntropy(5), vote_entropy),
    ],
    ids=lambda value: type(value).__name__,
)
def test_disagreement_scores_equal_float64_formulas(strategy, reference):
    query = make_query(strategy)
    scores = reference(query.unlabeled.dropout_log_probs.double().exp().numpy())
    assert np.allclose(strategy.score(query).numpy(), scores, atol=1e-6)
    assert scores.max() > scores.min()


def test_partitions_are_disjoint_and_chosen_from_evenly():
    seen = []

    class Note(Random):
        needs = Needs(log_probs=True)

        def select(self, query: Query):
            seen.append((query.unlabeled.index, query.size, query.unlabeled.log_probs))
            return torch.arange(query.size)

    query = make_query(Note(), size=11)
    chosen = Partitioned(Note(), parts=4).select(query)
    assert [size for _, size, _ in seen] == [3, 3, 3, 2]
    assert torch.cat([index for index, _, _ in seen]).sort().values.equal(query.unlabeled.index)
    for index, size, log_probs in seen:
        where = torch.searchsorted(query.unlabeled.index, index)
        assert log_probs.equal(query.unlabeled.log_probs[where])
        assert set(where[:size].tolist()) <= set(chosen.tolist())


def test_gradient_factors_equal_autograd_example_by_example():
    query = make_query(Badge())
    gradient, model = query.unlabeled.gradient, query.model.eval()
    for position in range(0, 110, 11):
        logits = model(query.images(torch.tensor([position])))
        loss = F.cross_entropy(logits, logits.argmax(1))
        (expected,) = torch.autograd.grad(loss, model.head.weight)
        formed = gradient.a[position][:, None] * gradient.b[position][None, :]
        assert torch.allclose(formed, expected, rtol=1e-4, atol=1e-6)


def test_coreset_takes_the_farthest_embedding_each_time():
    query = make_query(Coreset())
    embedding, labeled = query.unlabeled.embedding.double(), query.labeled.embedding.double()
    assert len(labeled) == 10
    chosen = []
    for _ in range(query.size):
        distance = torch.cdist(embedding, torch.cat([labeled, embedding[chosen]])).amin(1)
        chosen.append(int(distance.argmax()))
    assert Coreset().select(query).tolist() == chosen


def test_random_is_uniform():
    counts = torch.zeros(30)
    query = replace(make_query(Random()), size=3, unlabeled=Outputs(torch.arange(30)))
    for _ in range(3000):
        counts[Random().select(query)] += 1
    assert ((counts - 300) ** 2 / 300).sum() < 58  # chi-squared, 29 degrees: p = 0.001


def test_an_output_that_was_not_declared_names_the_need():
    outputs = infer.record(
        make_query(Random()).model, torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.arange(3), Needs(), NORMALIZE, 2
    )
    with pytest.raises(AttributeError, match=r"outputs.embedding must declare Needs\(embedding=...\)"):
        _ = outputs.embedding


def test_a_negative_number_of_samples_is_refused():
    with pytest.raises(UserError, match="dropout_samples=-1"):
        Entropy(-1)
