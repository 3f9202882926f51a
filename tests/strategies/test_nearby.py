import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from alrun.models.outputs import Needs, Outputs
from alrun.selection.mutual_neighbors import TopK
from alrun.selection.neighbor_facility_location import graph_of
from alrun.selection.points import Dense
from alrun.settings import factory
from alrun.strategies import nearby as module
from alrun.strategies.badge import Badge
from alrun.strategies.embeddings import FromClassifier
from alrun.strategies.fass import Fass
from alrun.strategies.memory import GB, part_of_pool
from alrun.strategies.more.cluster_margin import ClusterMargin
from alrun.strategies.more.clusters import Clue, KMeansSampling
from alrun.strategies.more.dropquery import DropQuery
from alrun.strategies.more.herding import MaxHerding, UncertaintyHerding, cover_nearby
from alrun.strategies.more.submodular import Submodular
from alrun.strategies.nearby import DEFAULT, LARGE, graph_bytes, nearby_in
from alrun.strategies.probcover import ProbCover
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import margin
from alrun.system.errors import UserError
from alrun.testing.contract import problems
from tests.strategies.queries import make_query

CLASSIFIER = FromClassifier()
MAKERS = {
    "max_herding": lambda nearby: MaxHerding(CLASSIFIER, nearby=nearby),
    "uncertainty_herding": lambda nearby: UncertaintyHerding(CLASSIFIER, nearby=nearby),
    "facility_location": lambda nearby: Submodular(nearby=nearby),
    "fass": lambda nearby: Fass(nearby=nearby),
    "probcover": lambda nearby: ProbCover(CLASSIFIER, radius=0.3, nearby=nearby),
    "probcover with an estimated radius": lambda nearby: ProbCover(CLASSIFIER, nearby=nearby),
    "typiclust": lambda nearby: TypiClust(CLASSIFIER, nearby=nearby),
    "cluster_margin": lambda nearby: ClusterMargin(max_points=20, nearby=nearby),
    "dropquery": lambda nearby: DropQuery(nearby=nearby),
    "kmeans": lambda nearby: KMeansSampling(nearby=nearby),
    "clue": lambda nearby: Clue(nearby=nearby),
}


def test_auto_compares_all_up_to_a_size():
    assert nearby_in("auto", LARGE) is None
    assert nearby_in("auto", LARGE + 1) == DEFAULT
    assert nearby_in("all", 10**7) is None
    assert nearby_in(5, 10) == 5
    assert nearby_in(20, 10) == 10


@pytest.mark.parametrize("name", MAKERS)
def test_strategies_that_compare_near_examples_keep_the_contract(name):
    assert problems(MAKERS[name](4)) == []


@pytest.mark.parametrize("name", MAKERS)
def test_auto_is_near_examples_in_large_pools(monkeypatch, name):
    every, few = (MAKERS[name](nearby).select(make_query(MAKERS[name](nearby), size=10)) for nearby in ("all", 3))
    assert MAKERS[name]("auto").select(make_query(MAKERS[name]("auto"), size=10)).equal(every)
    monkeypatch.setattr(module, "LARGE", 9)
    monkeypatch.setattr(module, "DEFAULT", 3)
    assert MAKERS[name]("auto").select(make_query(MAKERS[name]("auto"), size=10)).equal(few)


@pytest.mark.parametrize("name", ["max_herding", "uncertainty_herding", "probcover"])
def test_with_all_as_neighbors_picks_are_the_exact_ones(name):
    exact, near = (MAKERS[name](nearby).select(make_query(MAKERS[name](nearby), size=25)) for nearby in ("all", 10**6))
    assert near.equal(exact)


def test_facility_location_over_all_neighbors_is_greedy_by_hand():
    x = torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    similar = ((1 + torch.cosine_similarity(x[:, None].double(), x.double(), dim=2)) / 2).numpy()
    covered, expected = np.zeros(90), []
    for _ in range(15):
        gains = np.maximum(similar - covered[:, None], 0).sum(0)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, similar[:, expected[-1]])
    assert Submodular(nearby=90).maximize(Dense(x), 15, torch.Generator()).tolist() == expected


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labeled", [0, 8])
def test_herding_over_all_neighbors_is_greedy_by_hand(weighted, labeled):
    draws = torch.Generator().manual_seed(0)
    x, known = torch.randn(90, 3, generator=draws), torch.randn(labeled, 3, generator=draws)
    weights = torch.rand(90, generator=draws) if weighted else None
    kernel = (-torch.cdist(x.double(), x.double()).square() / 0.7**2).exp().numpy()
    covered = np.zeros(90)
    if labeled:
        covered = (-torch.cdist(x.double(), known.double()).square() / 0.7**2).exp().amax(1).numpy()
    weigh = np.ones(90) if weights is None else weights.double().numpy()
    expected: list[int] = []
    for _ in range(15):
        gains = (np.maximum(kernel - covered[:, None], 0) * weigh[:, None]).sum(0)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[:, expected[-1]])
    assert cover_nearby(x, known, 0.7, weights, 15, 90).tolist() == expected


def test_few_neighbors_keep_most_of_what_herding_covers():
    draws = torch.Generator().manual_seed(0)
    x = 2 * torch.randn(30, 5, generator=draws)[torch.arange(900) % 30] + torch.randn(900, 5, generator=draws)

    def value(picks: torch.Tensor) -> float:
        return float((-torch.cdist(x.double(), x[picks].double()).square().amin(1) / 4).exp().sum())

    exact, near = (value(cover_nearby(x, x[:0], 2.0, None, 60, k)) for k in (900, 40))
    assert near > 0.97 * exact
    assert value(torch.arange(60)) < 0.93 * exact


def test_near_examples_are_for_facility_location_on_embeddings():
    for make in (
        lambda nearby: Submodular("graph_cut", nearby=nearby),
        lambda nearby: Submodular(representation="gradient", nearby=nearby),
        lambda nearby: Submodular(neighbors=3, nearby=nearby),
    ):
        with pytest.raises(UserError, match=r"strategy.nearby=5 is for strategy.function=facility_location"):
            make(5)
        assert make("auto").nearby == "all"


@pytest.mark.parametrize("value", ["none", 0, 1.5, None, True])
def test_other_values_are_refused(composed, value):
    cfg = composed("strategy=kmeans")
    cfg.strategy.nearby = value
    with pytest.raises(UserError, match=f"strategy.nearby={value} is not possible: give auto, all"):
        factory.build(cfg.strategy, "strategy")


def test_margins_are_the_same_part_by_part(monkeypatch):
    log_probs = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    whole = margin(log_probs)
    monkeypatch.setattr("alrun.strategies.uncertainty.PART", 7)
    assert margin(log_probs).equal(whole)
    top = log_probs.double().exp().sort(1).values
    assert torch.allclose(whole.double(), 1 - (top[:, -1] - top[:, -2]), atol=1e-6)


def test_dropquery_draws_for_each_part(monkeypatch):
    query = make_query(DropQuery(), size=10)
    whole = DropQuery().select(query)
    monkeypatch.setattr("alrun.strategies.more.dropquery.PART", 30)
    parts = DropQuery().select(make_query(DropQuery(), size=10))
    assert len(parts.unique()) == 10 == len(whole.unique())


def test_a_gradient_alone_is_recorded_without_log_probs():
    alone, both = (make_query(strategy).unlabeled for strategy in (Badge(), WithLogProbs()))
    assert alone.gradient.a.equal(both.gradient.a)
    assert alone.gradient.b.equal(both.gradient.b)
    expected = both.log_probs.double().exp()
    expected[torch.arange(len(expected)), expected.argmax(1)] -= 1
    assert torch.allclose(alone.gradient.a.double(), expected, atol=1e-6)
    with pytest.raises(AttributeError, match="log_probs"):
        _ = alone.log_probs
    query = replace(make_query(Badge()), unlabeled=Outputs(both.index, **both._fields))
    assert Badge().select(query).equal(Badge().select(make_query(Badge())))


class WithLogProbs(Badge):
    needs = Needs(gradient=True, log_probs=True)


@pytest.mark.parametrize("floor", [None, torch.zeros(20_000)])
def test_the_bytes_of_a_graph_of_neighbors_are_those_that_making_it_takes(floor):
    count, neighbors = 20_000, 40
    values, positions = torch.rand(count, neighbors), torch.randint(0, count, (count, neighbors), dtype=torch.int32)
    tracemalloc.start()
    graph_of(values, positions, count, floor)
    peak = tracemalloc.get_traced_memory()[1] + values.nbytes + positions.nbytes
    tracemalloc.stop()
    assert 0.9 * graph_bytes(count, neighbors) < peak < 1.05 * graph_bytes(count, neighbors)


@pytest.mark.parametrize(
    ("strategy", "neighbors"),
    [
        (MaxHerding(FromClassifier()), DEFAULT),
        (UncertaintyHerding(FromClassifier(), nearby=100), 100),
        (ProbCover(FromClassifier()), DEFAULT),
        (Submodular(), DEFAULT),
    ],
)
def test_the_memory_of_a_large_pool_counts_its_graph_of_neighbors(strategy, neighbors):
    count = 4_000_000
    assert strategy.matrices(count) == graph_bytes(count, neighbors) > 4 * 4 * count * neighbors
    part_of_pool(strategy, "mine", count, 100, 10, 8, 1000, memory_gb=20)
    needed = graph_bytes(count, neighbors) / GB
    with pytest.raises(UserError, match=r"runtime.memory_gb=.* holds outputs of 4000000 examples together"):
        part_of_pool(strategy, "mine", count, 100, 10, 8, 1000, memory_gb=needed)


def test_neighbors_that_are_set_are_counted_as_they_are_collected():
    each = Submodular(neighbors=10).matrices(50_000) / (50_000 * 10)
    store = TopK(torch.zeros(50), 10)
    store.put(slice(0, 50), torch.arange(50).repeat_interleave(20), torch.arange(1000) % 50, torch.rand(1000))
    made = store.result([slice(0, 50)])
    assert each == sum(part.nbytes for part in (store.values, store.positions, *made)) / 500
