"""Strategies that compare predictions, and those that look at the loss's geometry in the last layer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from queries import make_query
from scipy.special import rel_entr
from scipy.stats import chisquare

from alrun.errors import UserError
from alrun.strategies import Outputs
from alrun.strategies.alfa_mix import AlfaMix
from alrun.strategies.bait import Bait
from alrun.strategies.cal import Cal
from alrun.strategies.density import Density
from alrun.strategies.falcun import Falcun
from alrun.strategies.uncertainty import Entropy


def test_cal_equals_divergences_from_each_labeled_neighbour():
    query = make_query(Cal(4))
    x, labeled = (o.embedding.double().numpy() for o in (query.unlabeled, query.labeled))
    p, known = (o.log_probs.double().exp().numpy() for o in (query.unlabeled, query.labeled))
    expected = []
    for i in range(110):
        near = np.argsort(((labeled - x[i]) ** 2).sum(1))[:4]
        expected.append(np.mean([rel_entr(known[j], p[i]).sum() for j in near]))
    assert np.allclose(Cal(4).score(query).numpy(), expected, rtol=1e-3, atol=1e-5)


def test_density_multiplies_entropy_by_mean_similarity():
    query = make_query(Density())
    x = query.unlabeled.embedding.double()
    cos = F.cosine_similarity(x[:, None], x[None], dim=2)
    expected = Entropy().score(query.unlabeled).double() * ((1 + cos) / 2).mean(1) ** 2
    assert torch.allclose(Density(2.0).score(query.unlabeled).double(), expected, rtol=1e-4)


def test_falcun_draws_pairs_by_their_relevance():
    p = torch.tensor([[0.5, 0.4, 0.1], [0.6, 0.3, 0.1], [0.1, 0.45, 0.45], [0.9, 0.05, 0.05], [0.34, 0.33, 0.33]])
    query = replace(make_query(Falcun()), size=2, unlabeled=Outputs(torch.arange(5), log_probs=p.log()))
    strategy, counts = Falcun(gamma=2), np.zeros((5, 5))
    for _ in range(3000):
        first, second = strategy.select(query).tolist()
        counts[first, second] += 1
    q = p.double().numpy()
    top = np.sort(q, 1)[:, ::-1]
    u = 1 - (top[:, 0] - top[:, 1])
    u = (u - u.min()) / (u.max() - u.min())
    start = (2 * u) ** 2 / ((2 * u) ** 2).sum()
    expected = np.zeros((5, 5))
    for i in range(5):
        d = np.minimum(u, np.abs(q - q[i]).sum(1))
        relevance = (u + (d - d.min()) / (d.max() - d.min())) ** 2
        relevance[i] = 0
        expected[i] = start[i] * relevance / relevance.sum()
    seen = expected > 1e-12
    assert counts[~seen].sum() == 0
    assert chisquare(counts[seen], 3000 * expected[seen]).pvalue > 0.001


def test_alfa_mix_moves_by_the_gradient_of_the_loss():
    strategy = AlfaMix(strength=0.3)
    query = make_query(strategy, labeled=30)
    head, expected = query.model.head, []
    for i in range(90):
        z = query.unlabeled.embedding[i : i + 1].clone().requires_grad_()
        logits = head(z)
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, logits.argmax(1)), z)
        flips = False
        for label in range(5):
            if (query.labels == label).any():
                anchor = query.labeled.embedding[query.labels == label].mean(0)
                moved = z + 0.3 / 8**0.5 * (anchor - z).norm() * gradient / gradient.norm()
                flips |= bool(head(moved).argmax() != logits.argmax())
        expected.append(flips)
    assert strategy.flips(query).tolist() == expected
    assert 20 < sum(expected) < 80
    assert all(expected[i] for i in strategy.select(query))


def test_alfa_mix_without_enough_flips_fills_at_random():
    query = make_query(AlfaMix(strength=0.0))
    first, second = (
        AlfaMix(strength=0.0).select(replace(query, rng=torch.Generator().manual_seed(seed))) for seed in (0, 1)
    )
    assert len(first.unique()) == 20
    assert not first.equal(second)


@pytest.mark.parametrize("fisher", ["exact", "binary"])
def test_bait_spreads_are_roots_of_the_expected_outer_product_of_gradients(fisher):
    strategy = Bait(fisher)
    query = make_query(strategy)
    p = query.unlabeled.probs.double()
    s = strategy.spread(query.unlabeled).double()
    if fisher == "binary":
        top = p.amax(1)
        assert torch.allclose((s @ s.mT)[:, 0, 0], top * (1 - top), atol=1e-6)
    else:
        expected = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        assert torch.allclose(s @ s.mT, expected, atol=1e-5)


def test_bait_that_would_not_fit_says_what_does():
    with pytest.raises(UserError, match=r"strategy.fisher=exact needs \d+ GB.*fisher=binary"):
        Bait("exact", memory=0).select(make_query(Bait("exact")))


@pytest.mark.parametrize("gamma", [1e5, 1e30, float("inf")])
def test_falcun_takes_the_most_relevant_however_large_its_exponent(gamma):
    probs = torch.tensor([[0.9, 0.1], [0.55, 0.45], [0.8, 0.2], [0.5, 0.5], [0.97, 0.03]])
    query = replace(make_query(Falcun()), size=5, unlabeled=Outputs(torch.arange(5), log_probs=probs.log()))
    chosen = Falcun(gamma=gamma).select(query)
    assert int(chosen[0]) == 3
    assert sorted(chosen.tolist()) == list(range(5))
