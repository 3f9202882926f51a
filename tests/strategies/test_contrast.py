"""Strategies that compare predictions, and those that look at the loss's geometry in the last layer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import rel_entr
from scipy.stats import chisquare

from alrun.strategies import Outputs, Query
from alrun.strategies.bait import Bait
from alrun.strategies.more.alfa_mix import AlfaMix, flip_strengths
from alrun.strategies.more.cal import Cal
from alrun.strategies.more.density import Density
from alrun.strategies.more.falcun import Falcun
from alrun.strategies.uncertainty import Entropy
from alrun.system.errors import UserError
from tests.strategies.queries import make_query


def test_cal_equals_divergences_from_each_labeled_neighbor():
    query = make_query(Cal(4))
    x, labeled = (o.embedding.double().numpy() for o in (query.unlabeled, query.labeled))
    p, known = (o.log_probs.double().exp().numpy() for o in (query.unlabeled, query.labeled))
    expected = []
    for i in range(110):
        near = np.argsort(-(labeled @ x[i]) / np.linalg.norm(labeled, axis=1))[:4]  # the smallest angles
        expected.append(np.mean([rel_entr(known[j], p[i]).sum() for j in near]))
    assert np.allclose(Cal(4).score(query).numpy(), expected, rtol=1e-3, atol=1e-5)


def test_density_multiplies_entropy_by_mean_similarity():
    query = make_query(Density())
    x = query.unlabeled.embedding.double()
    cos = F.cosine_similarity(x[:, None], x[None], dim=2)
    expected = Entropy().score(query).double() * ((1 + cos) / 2).mean(1) ** 2
    assert torch.allclose(Density(2.0).score(query).double(), expected, rtol=1e-4)


def test_falcun_draws_pairs_by_their_relevance():
    """All are uncertain, between 0.85 and 0.98: stretched to 0 .. 1, that would decide alone."""
    p = torch.tensor([[0.5, 0.4, 0.1], [0.5, 0.35, 0.15], [0.1, 0.45, 0.45], [0.4, 0.3, 0.3], [0.35, 0.33, 0.32]])
    query = replace(make_query(Falcun()), size=2, unlabeled=Outputs(torch.arange(5), log_probs=p.log()))
    strategy, counts = Falcun(gamma=2), np.zeros((5, 5))
    for _ in range(3000):
        first, second = strategy.select(query).tolist()
        counts[first, second] += 1
    q = p.double().numpy()
    top = np.sort(q, 1)[:, ::-1]
    u = 1 - (top[:, 0] - top[:, 1])
    start = (u + (u - u.min()) / (u.max() - u.min())) ** 2
    expected = np.zeros((5, 5))
    for i in range(5):
        others = [j for j in range(5) if j != i]
        d = np.minimum(u, np.abs(q - q[i]).sum(1))[others]
        relevance = (u[others] + (d - d.min()) / (d.max() - d.min())) ** 2
        expected[i, others] = start[i] / start.sum() * relevance / relevance.sum()
    seen = expected > 1e-12
    assert counts[~seen].sum() == 0
    assert chisquare(counts[seen], 3000 * expected[seen]).pvalue > 0.001


def test_falcun_draws_uniformly_once_nothing_is_apart_from_what_is_chosen():
    p = torch.tensor([[0.6, 0.4]] * 3 + [[0.5, 0.5]])
    query = replace(make_query(Falcun()), size=3, unlabeled=Outputs(torch.arange(4), log_probs=p.log()))
    thirds = np.zeros(4)
    for _ in range(600):
        chosen = Falcun(gamma=30).select(query).tolist()
        assert chosen[0] == 3  # the most uncertain
        assert len(set(chosen)) == 3
        thirds[chosen[2]] += 1
    assert chisquare(thirds[:3]).pvalue > 0.001


def as_after_relu(query: Query) -> Query:
    """The query with embeddings of which two features are 0 in every example, and the predictions that follow."""
    parts = []
    for outputs in (query.unlabeled, query.labeled):
        embedding = outputs.embedding.relu()
        embedding[:, :2] = 0
        with torch.no_grad():
            log_probs = query.model.head(embedding).log_softmax(1)
        parts.append(Outputs(outputs.index, embedding=embedding, log_probs=log_probs))
    return replace(query, unlabeled=parts[0], labeled=parts[1])


def brute_force_flips(query: Query, strength: float, features: int = 8) -> list[bool]:
    """Example by example in float64: the share of each feature that is mixed in, and the class of the mixture."""
    weight, bias = (p.detach().double() for p in query.model.head.parameters())
    labeled, found = query.labeled.embedding.double(), []
    for z in query.unlabeled.embedding.double():
        z = z.clone().requires_grad_()
        logits = weight @ z + bias
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, logits.argmax()), z)
        flips = False
        for label in range(5):
            members = labeled[query.labels == label]
            way = (members if len(members) else labeled).mean(0) - z.detach()
            share = strength / features**0.5 * way.norm() * gradient / gradient.norm() / torch.where(way == 0, 1, way)
            mixed = z.detach() + share * way
            flips |= bool((weight @ mixed + bias).argmax() != logits.argmax())
        found.append(flips)
    return found


@pytest.mark.parametrize("classes", [5, 2])
def test_alfa_mix_moves_what_mixing_can_move(classes):
    """A class without labels stands for by all; a feature that is 0 in both stays 0."""
    query = as_after_relu(make_query(AlfaMix(), labeled=30, labels=lambda n: torch.arange(n) % classes))
    expected = brute_force_flips(query, 0.2)
    assert (flip_strengths(query) < 0.2).tolist() == expected
    assert 5 < sum(expected) < 85
    if sum(expected) > 20:
        assert all(expected[i] for i in AlfaMix(strength=0.2).select(query))


def test_alfa_mix_grows_until_more_flip_than_are_asked_for():
    query = as_after_relu(make_query(AlfaMix(), labeled=30))
    expected, times = np.zeros(90, dtype=bool), 0
    while expected.sum() <= 20:
        times += 1
        expected |= np.array(brute_force_flips(query, times * 0.02))
    assert 1 < times < 50
    assert AlfaMix(strength=0.02).candidates(query).tolist() == expected.tolist()
    assert expected[AlfaMix(strength=0.02).select(query)].all()


def test_alfa_mix_clusters_directions():
    query = as_after_relu(make_query(AlfaMix(), labeled=30))
    longer = 2.0 ** torch.randint(6, (90, 1), generator=torch.Generator().manual_seed(1))
    strategy = AlfaMix()
    among = strategy.candidates(query)
    strategy.candidates = lambda _: among
    plain = query.unlabeled
    stretched = Outputs(plain.index, embedding=plain.embedding * longer, log_probs=plain.log_probs)
    chosen = [
        strategy.select(replace(query, unlabeled=outputs, rng=torch.Generator().manual_seed(0))).tolist()
        for outputs in (plain, stretched)
    ]
    assert chosen[0] == chosen[1]


def test_alfa_mix_without_enough_flips_fills_at_random():
    query = make_query(AlfaMix())
    with torch.no_grad():
        query.model.head.bias[0] = 1e6
        sure = query.model.head(query.unlabeled.embedding).log_softmax(1)
    plain = query.unlabeled
    query = replace(query, unlabeled=Outputs(plain.index, embedding=plain.embedding, log_probs=sure))
    first, second = (AlfaMix().select(replace(query, rng=torch.Generator().manual_seed(seed))) for seed in (0, 1))
    assert len(first.unique()) == 20
    assert not first.equal(second)


def test_bait_picks_by_the_weights_of_the_authors_code():
    """M0 = λ + m / (m + b) times the labeled examples' mean; an example of the batch adds b / (m + b) times its own."""
    size, strategy = 5, Bait("exact")
    query = make_query(strategy, size=size, n=60, labeled=12)

    def informations(outputs: Outputs) -> np.ndarray:
        p, h = outputs.probs.double().numpy(), outputs.embedding.double().numpy()
        covariance = np.einsum("nc,cd->ncd", p, np.eye(p.shape[1])) - p[:, :, None] * p[:, None]
        return np.einsum("ncd,ni,nj->ncidj", covariance, h, h).reshape(len(p), 40, 40)

    unlabeled, labeled = informations(query.unlabeled), informations(query.labeled)
    fisher = np.concatenate([unlabeled, labeled]).mean(0)
    start = np.eye(40) + 12 / (12 + size) * labeled.mean(0)

    def objective(chosen: list[int]) -> float:
        return np.trace(np.linalg.solve(start + size / (12 + size) * unlabeled[chosen].sum(0), fisher))

    chosen: list[int] = []
    while len(chosen) < 2 * size:
        chosen.append(min((i for i in range(48) if i not in chosen), key=lambda i: objective([*chosen, i])))
    while len(chosen) > size:
        chosen.remove(min(chosen, key=lambda i: objective([j for j in chosen if j != i])))
    assert strategy.select(query).tolist() == chosen


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
