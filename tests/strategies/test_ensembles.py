"""Strategies that ask several models, or one model several times."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from alrun.selection.kmeans import kmeans, representatives
from alrun.strategies import Outputs
from alrun.strategies.coreset import Coreset
from alrun.strategies.more.bemps import Bemps, expected_change
from alrun.strategies.more.dropquery import DropQuery, change_threshold
from alrun.strategies.more.expected_gradient import ExpectedGradient
from alrun.strategies.more.noise_stability import NoiseStability
from alrun.strategies.more.partitioned import Partitioned
from alrun.strategies.more.power import Power
from alrun.strategies.more.subsample import Subsample
from alrun.strategies.uncertainty import Entropy, Margin
from alrun.system.errors import UserError
from tests.strategies.queries import make_query


def brute_force_change(probs: np.ndarray, evaluated: np.ndarray, score: str) -> np.ndarray:
    """Bayes' rule and the score, pair by pair and label by label."""
    result = np.zeros((probs.shape[1], evaluated.shape[1]))
    for i in range(probs.shape[1]):
        for j in range(evaluated.shape[1]):
            old = evaluated[:, j].mean(0)
            for label in range(probs.shape[2]):
                weight = probs[:, i, label] / probs[:, i, label].sum()
                new = (weight[:, None] * evaluated[:, j]).sum(0)
                change = ((new - old) ** 2).sum() if score == "mse" else (new * np.log(new / old)).sum()
                result[i, j] += probs[:, i, label].mean() * change
    return result


@pytest.mark.parametrize("score", ["mse", "log"])
def test_expected_change_equals_bayes_rule_pair_by_pair(score):
    probs = (2 * torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(0))).softmax(2)
    found = expected_change(probs, probs[:, 3:8], score)
    assert np.allclose(found.numpy(), brute_force_change(probs.double().numpy(), probs[:, 3:8].double().numpy(), score))


def test_bemps_clusters_directions_of_change_in_the_half_of_the_pool_that_changes_most():
    strategy = Bemps(dropout_samples=5, evaluated=110, candidate_share=0.5)
    query = make_query(strategy)
    probs = query.unlabeled.dropout_log_probs.exp()
    rng = torch.Generator().manual_seed(0)
    where = torch.randperm(110, generator=rng)
    change = expected_change(probs, probs[:, where], "mse")  # compared with brute force above; near ties want its bits
    half = change.sum(1).argsort(descending=True)[:55]
    directions = F.normalize(change[half])
    expected = half[representatives(directions, kmeans(directions, 20, rng).centers)]
    assert strategy.select(replace(query, rng=torch.Generator().manual_seed(0))).tolist() == expected.tolist()


def test_dropquery_clusters_directions_of_what_changes_class():
    strategy = DropQuery(mask_samples=5, rate=0.75)
    query = make_query(strategy, size=3)
    embedding, head = query.unlabeled.embedding, query.model.head
    state = torch.get_rng_state()
    with torch.no_grad():
        passes = [head(F.dropout(embedding, 0.75)).argmax(1) for _ in range(5)]
    changes = sum((p != query.unlabeled.log_probs.argmax(1)).long() for p in passes)
    least = next(least for least in (3, 2, 1) if (changes >= least).sum() >= 25 * 3 or least == 1)
    candidates = (changes >= least).nonzero().flatten()
    directions = embedding[candidates] / embedding[candidates].norm(dim=1, keepdim=True)
    torch.set_rng_state(state)
    chosen = strategy.select(query)
    centers = kmeans(directions, 3, torch.Generator().manual_seed(0)).centers
    assert chosen.tolist() == candidates[representatives(directions, centers)].tolist()


@pytest.mark.parametrize(
    ("counts", "samples", "size", "exceeded"),
    [
        ((50, 10, 10, 30), 3, 1, 1),  # 40 changed more than once: 25 are asked for
        ((50, 20, 4, 20), 3, 1, 0),  # 24 are too few ...
        ((50, 20, 4, 21), 3, 1, 1),  # ... 25 are not
        ((90, 5, 5, 0), 3, 4, 0),
        ((0, 60, 0, 0, 30, 20), 5, 2, 2),
        ((0, 60, 0, 10, 20, 10), 5, 2, 0),
    ],
)
def test_dropquerys_threshold_falls_until_25_candidates_a_label_or_one_change(counts, samples, size, exceeded):
    changes = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    assert change_threshold(changes, samples, size) == exceeded


def test_dropquery_with_too_few_candidates_takes_those_and_draws_the_rest():
    strategy = DropQuery(mask_samples=3, rate=0.05)
    query = make_query(strategy, size=100)
    state = torch.get_rng_state()
    with torch.no_grad():
        passes = [query.model.head(F.dropout(query.unlabeled.embedding, 0.05)).argmax(1) for _ in range(3)]
    changed = sum(p != query.unlabeled.log_probs.argmax(1) for p in passes) > 0
    assert 0 < changed.sum() < 100
    drawn = []
    for seed in (0, 1):
        torch.set_rng_state(state)
        chosen = strategy.select(replace(query, rng=torch.Generator().manual_seed(seed)))
        assert len(chosen.unique()) == 100
        assert set(changed.nonzero().flatten().tolist()) <= set(chosen.tolist())
        drawn.append(set(chosen.tolist()))
    assert drawn[0] != drawn[1]


def test_expected_gradient_equals_gradients_for_every_label():
    query = make_query(ExpectedGradient())
    scores = ExpectedGradient().score(query)
    probs, head = query.unlabeled.probs, query.model.head
    for i in range(0, 110, 10):
        expected = 0.0
        for label in range(5):
            loss = F.cross_entropy(head(query.unlabeled.embedding[i : i + 1]), torch.tensor([label]))
            (gradient,) = torch.autograd.grad(loss, head.weight)
            expected += float(probs[i, label] * gradient.norm())
        assert float(scores[i]) == pytest.approx(expected, rel=1e-4)


def outputs(scores: list[float]) -> Outputs:
    """Two-class outputs whose margin score is ``scores``."""
    first = 1 - torch.tensor(scores, dtype=torch.float64) / 2
    return Outputs(torch.arange(len(scores)), log_probs=torch.stack([first, 1 - first], 1).log())


@pytest.mark.parametrize("kind", ["power", "softmax", "softrank"])
def test_power_draws_by_the_odds_without_replacement(kind):
    scores, beta = [0.9, 0.1, 0.4, 0.2], 2.0
    strategy = Power(Margin(), beta=beta, kind=kind)
    query = replace(make_query(Margin()), size=2, unlabeled=outputs(scores))
    odds = {
        "power": [s**beta for s in scores],
        "softmax": [math.exp(beta * s) for s in scores],
        "softrank": [rank**-beta for rank in (1, 4, 2, 3)],
    }[kind]
    counts = np.zeros((4, 4))
    for _ in range(4000):
        first, second = strategy.select(query).tolist()
        counts[first, second] += 1
    p = np.array(odds) / sum(odds)
    expected = np.array([[p[i] * p[j] / (1 - p[i]) if i != j else 0 for j in range(4)] for i in range(4)])
    different = ~np.eye(4, dtype=bool)
    assert counts[~different].sum() == 0
    assert chisquare(counts[different], 4000 * expected[different]).pvalue > 0.001


def test_scores_of_zero_are_drawn_last_and_at_random():
    query = replace(make_query(Margin()), size=3, unlabeled=outputs([0.0, 0.5, 0.0, 0.0, 0.7]))
    drawn = [Power(Margin()).select(query).tolist() for _ in range(60)]
    assert all(set(three[:2]) == {1, 4} for three in drawn)
    assert {three[2] for three in drawn} == {0, 2, 3}


def test_power_asks_for_scores_that_can_be_odds():
    with pytest.raises(UserError, match=r"strategy@strategy.inner=coreset does not score examples"):
        Power(Coreset())

    class Negative(Entropy):
        def score(self, query):
            return -super().score(query)

    with pytest.raises(UserError, match=r"Negative gives -.*: use strategy.kind=softrank"):
        Power(Negative()).select(make_query(Negative()))
    assert len(Power(Negative(), kind="softrank").select(make_query(Negative()))) == 20


def test_deviations_under_noise_are_those_of_an_altered_copy(monkeypatch):
    strategy, seen = NoiseStability(noise_samples=2, magnitude=0.01), []
    monkeypatch.setattr(
        "alrun.strategies.more.noise_stability.k_center",
        lambda points, origin, size, rng: seen.append(points.x) or torch.arange(size),
    )
    query = make_query(strategy)
    state = torch.get_rng_state()
    strategy.select(query)
    torch.set_rng_state(state)
    images, model = torch.cat(list(query.batches())), query.model.eval()
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    with torch.no_grad():
        logits, expected = model(images), []
        for _ in range(2):
            noise = torch.cat([torch.randn_like(p).flatten() for p in model.parameters()])
            torch.nn.utils.vector_to_parameters(
                before + 0.01 * before.norm() / noise.norm() * noise, model.parameters()
            )
            expected.append(model(images) - logits)
    assert torch.allclose(seen[0] * 0.01, torch.cat(expected, 1), atol=1e-5)


def test_subsample_leaves_inner_a_random_part():
    class First(Entropy):
        def select(self, query):
            sizes.append(len(query.unlabeled))
            return torch.arange(query.size)

    sizes: list[int] = []
    query = replace(make_query(Entropy()), size=10)
    chosen = Subsample(First(), candidate_factor=2.5).select(query)
    assert sizes == [25]
    assert chosen.diff().min() > 0  # in the pool's order
    assert chosen.max() > 25  # from anywhere in it


def test_wrappers_take_wrapped_strategies():
    strategy = Partitioned(Subsample(Power(Entropy()), candidate_factor=2), parts=2)
    assert len(strategy.select(make_query(strategy)).unique()) == 20
