"""Strategies that cover or cluster, and the embeddings that they work on."""

import math
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.errors import ConfigCompositionException
from sklearn.cluster import AgglomerativeClustering, KMeans

from alrun.features.encoders import Timm
from alrun.pool.pool import Pool
from alrun.selection.kmeans import kmeans, representatives
from alrun.selection.points import Dense
from alrun.selection.uncovered import Uncovered
from alrun.settings import factory
from alrun.settings.hydra_errors import mistake_sentence
from alrun.strategies import Outputs
from alrun.strategies.embeddings import FromClassifier, FromFeatures
from alrun.strategies.more import temperature
from alrun.strategies.more.cluster_margin import ClusterMargin, order_in_turns
from alrun.strategies.more.clusters import Clue, KMeansPlusPlus, KMeansSampling
from alrun.strategies.more.herding import MaxHerding, UncertaintyHerding, smallest_distance
from alrun.strategies.more.tcm import Tcm
from alrun.strategies.more.temperature import find_temperature, held_out_temperature
from alrun.strategies.probcover import ProbCover
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import Entropy, Margin
from alrun.system.errors import UserError
from alrun.testing.made_queries import make_model, query_of
from tests.strategies.queries import CLASSES, make_query, noise

CLASSIFIER = FromClassifier()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_typiclust_takes_the_most_typical_of_the_largest_clusters_without_labels():
    strategy = TypiClust(CLASSIFIER, neighbors=4, min_size=3)
    query = make_query(strategy, size=8)
    x = torch.cat(CLASSIFIER.of(query)).double()
    clusters = kmeans(x.float(), 18, seeded()).labels
    wanted = []
    for cluster in range(18):
        members = (clusters == cluster).nonzero().flatten().tolist()
        own = [i for i in members if i < 110]
        if not own:
            continue
        distance = torch.cdist(x[own], x[own]).sort(1).values[:, 1 : min(4, len(own) - 1) + 1]
        typical = own[int(distance.mean(1).argmin())] if len(own) > 1 else own[0]
        labels = sum(i >= 110 for i in members)
        wanted.append((len(members) < 3, labels, -len(members), typical))
    chosen = strategy.select(query).tolist()
    expected = sorted(wanted)[:8]
    assert [(key[0], key[1], key[2]) for key in expected] == [
        next(key[:3] for key in wanted if key[3] == i) for i in chosen
    ]


def test_typiclust_goes_round_when_clusters_are_fewer_than_labels():
    strategy = TypiClust(CLASSIFIER, max_clusters=3)
    query = make_query(strategy, size=9)
    clusters = kmeans(torch.cat(CLASSIFIER.of(query)), 3, seeded()).labels
    assert clusters[strategy.select(query)].bincount(minlength=3).tolist() == [3, 3, 3]


def test_typiclust_equals_picking_one_by_one_in_float64():
    strategy = TypiClust(CLASSIFIER, max_clusters=12, neighbors=3, min_size=4)
    query = make_query(strategy, size=40)
    x = torch.cat(CLASSIFIER.of(query)).double()
    clusters = kmeans(x.float(), 12, seeded()).labels.tolist()
    sizes, labels = np.bincount(clusters, minlength=12), np.bincount(clusters[110:], minlength=12)

    def spread(i: int) -> float:
        others = [j for j in range(110) if clusters[j] == clusters[i] and j != i]
        return float((x[i] - x[others]).norm(dim=1).sort().values[:3].mean()) if others else 0.0

    typical = {c: sorted((i for i in range(110) if clusters[i] == c), key=spread) for c in range(12)}
    order = sorted(range(12), key=lambda c: (labels[c], -sizes[c], c))
    expected = [
        typical[c][turn]
        for small in (False, True)
        for turn in range(110)
        for c in order
        if (sizes[c] < 4) == small and turn < len(typical[c])
    ]
    assert strategy.select(query).tolist() == expected[:40]


def test_tcm_changes_from_typical_examples_to_margins():
    for labels_per_class, other in ((2.1, TypiClust(CLASSIFIER)), (2.0, Margin())):
        strategy = Tcm(CLASSIFIER, labels_per_class)
        query = make_query(strategy)
        assert len(query.labeled) == 10  # of five classes
        expected = other.select(replace(query, rng=seeded())).tolist()
        assert strategy.select(replace(query, rng=seeded())).tolist() == expected


def test_probcover_covers_more_than_a_random_choice_at_the_same_radius():
    strategy = ProbCover(CLASSIFIER, radius=0.2)
    query = make_query(strategy, size=15)
    unlabeled, labeled = CLASSIFIER.of(query)

    def covered(chosen: torch.Tensor) -> int:
        return int((torch.cdist(unlabeled, torch.cat([labeled, unlabeled[chosen]])).amin(1) < 0.2).sum())

    rng = torch.Generator().manual_seed(1)
    at_random = max(covered(torch.randperm(110, generator=rng)[:15]) for _ in range(20))
    assert covered(strategy.select(query)) > at_random


@pytest.mark.parametrize("purity", [0.95, 0.6])
def test_probcover_is_greedy_in_float64_at_the_radius_of_that_purity(purity):
    strategy = ProbCover(CLASSIFIER, purity=purity, clusters=6)
    query = make_query(strategy, size=12)
    x, labeled = (values.double() for values in CLASSIFIER.of(query))
    clusters = kmeans(x.float(), 6, seeded()).labels
    distance = (x[:, None] - x).norm(dim=2)
    nearest_other = distance.masked_fill(clusters[:, None] == clusters, torch.inf).amin(1)
    radius = float(nearest_other.sort().values[round((1 - purity) * 109)])
    held = distance < radius * (1 - 1e-6)  # the pair that defines the radius lies on its rim
    covered = ((x[:, None] - labeled).norm(dim=2) < radius).any(1)
    assert not covered.all()
    for position in strategy.select(query).tolist():
        open_ = (held & ~covered).sum(1)
        assert covered.all() or open_[position] == open_.max()
        covered |= held[position]


def test_max_herding_is_greedy_in_the_kernel_above_what_is_labeled():
    strategy = MaxHerding(CLASSIFIER, bandwidth=0.3)
    query = make_query(strategy, size=10)
    x, labeled = (values.double() for values in CLASSIFIER.of(query))

    def kernel(a: torch.Tensor) -> torch.Tensor:
        return (-torch.cdist(x, a).square() / 0.3**2).exp()

    covered = kernel(labeled).amax(1)
    for position in strategy.select(query).tolist():
        gains = (kernel(x) - covered[:, None]).clamp_min(0).sum(0)
        assert gains[position] > gains.max() - 1e-4
        covered = torch.maximum(covered, kernel(x[[position]])[:, 0])


VECTORS = torch.randn(120, 6, generator=torch.Generator().manual_seed(5))


class Given(FromFeatures):
    """Frozen embeddings, of a pool of images."""

    def raw(self, query, examples):
        return VECTORS[examples.index]


@pytest.mark.parametrize("make", [MaxHerding, UncertaintyHerding])
def test_herding_passes_over_all_pairs_once_in_a_run_and_chooses_the_same(monkeypatch, make):
    """As a strategy that begins in each round, as after a crash; and greedily by the kernel in float64."""
    passes, symmetric = [], Uncovered.symmetric
    monkeypatch.setattr(Uncovered, "symmetric", lambda *given: (passes.append(1), symmetric(*given))[1])
    kept = make(Given(), bandwidth=0.7)
    kept.memory = 50_000  # a matrix of the pool does not fit
    pool, x = Pool(noise(120), torch.arange(120) % CLASSES), torch.nn.functional.normalize(VECTORS).double()
    pool.label(torch.arange(0, 30, 3))
    for _ in range(4):
        query = query_of(kept, pool, make_model(pool.images), 8)
        before, chosen = len(passes), kept.select(query)
        passed = len(passes) - before
        begun = make(Given(), bandwidth=0.7)
        begun.memory = 50_000
        assert chosen.equal(begun.select(query))
        index = query.unlabeled.index
        if make is MaxHerding:
            kernel = (-torch.cdist(x, x).square() / 0.7**2).exp()[index]
            covered = kernel[:, pool.labeled].amax(1)
            for position in chosen.tolist():
                gains = (kernel[:, index] - covered[:, None]).clamp_min(0).sum(0)
                assert gains[position] > gains.max() - 1e-4
                covered = torch.maximum(covered, kernel[:, index[position]])
        pool.label(index[chosen])
        assert passed == (len(pool.labeled) == 18)  # in the first round alone


@pytest.mark.parametrize("labeled", [2, 30])
def test_uncertainty_herding_is_greedy_with_calibrated_margins_at_the_smallest_labeled_distance(labeled):
    """All in float64: the authors' split, temperatures and calibration error written out."""
    strategy = UncertaintyHerding(CLASSIFIER, bandwidth=0.3)
    query = make_query(strategy, size=10, labeled=labeled, images=first_two_labeled_alike)
    x, known = (values.double() for values in CLASSIFIER.of(query))
    temperature = 1.0
    if labeled == 30:
        part, held_out = query.labeled.index[:21], query.labeled.index[21:]
        model = query.fit(part).eval()
        with torch.no_grad():
            logits = model(query.pool_images(held_out)).double().numpy()
        temperature = brute_force_temperature(logits, query.labels_of(held_out).numpy())
    probs = (query.unlabeled.log_probs.double() / temperature).softmax(1).sort(1).values
    weights = 1 - (probs[:, -1] - probs[:, -2])
    apart = torch.pdist(known)
    bandwidth = float(apart[apart > 1e-3].min()) if labeled == 30 else 0.3
    covered = (-torch.cdist(x, known).square() / bandwidth**2).exp().amax(1)
    kernel = (-torch.cdist(x, x).square() / bandwidth**2).exp()
    for position in strategy.select(query).tolist():
        gains = (weights[:, None] * (kernel - covered[:, None]).clamp_min(0)).sum(0)
        assert gains[position] > gains.max() * (1 - 1e-4)
        covered = torch.maximum(covered, kernel[position])


def first_two_labeled_alike(n: int) -> torch.Tensor:
    images = noise(n)
    images[3] = images[0]
    return images


def brute_force_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Loops over temperatures, bins and examples."""
    errors, classes = {}, logits.shape[1]
    for tenths in range(10, 200):
        bins: list[list[tuple[float, bool]]] = [[] for _ in range(classes)]
        for row, label in zip(logits, labels, strict=True):
            probs = np.exp(row / (tenths / 10)) / np.exp(row / (tenths / 10)).sum()
            bins[max(0, math.ceil(probs.max() * classes) - 1)].append((probs.max(), probs.argmax() == label))
        gaps = [abs(sum(right for _, right in each) - sum(sure for sure, _ in each)) for each in bins]
        errors[tenths / 10] = sum(gaps) / len(labels)
    return min(errors, key=lambda temperature: (round(errors[temperature], 12), temperature))


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 30.0])
def test_the_temperature_is_that_of_the_least_calibration_error(scale, monkeypatch):
    numbers = np.random.default_rng(0)
    logits = numbers.normal(size=(200, 4))
    labels = np.array([numbers.choice(4, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    found = find_temperature(torch.from_numpy(scale * logits).log_softmax(1), torch.from_numpy(labels))
    assert found == brute_force_temperature(scale * logits, labels)
    assert found == 1 if scale < 1 else 0.6 * scale < found < 1.7 * scale
    monkeypatch.setattr(temperature, "PART", 7)
    assert find_temperature(torch.from_numpy(scale * logits).log_softmax(1), torch.from_numpy(labels)) == found


def test_the_temperature_is_1_where_no_label_can_be_held_out():
    assert held_out_temperature(make_query(UncertaintyHerding(CLASSIFIER), labeled=3)) == 1


def test_the_smallest_distance_leaves_out_copies():
    x = torch.tensor([[0.0, 1.0], [3.0, 0.0], [0.0, 1.0], [0.0, 1.5], [3.0, 0.0]])
    assert float(smallest_distance(Dense(x))) == 0.5
    assert float(smallest_distance(Dense(x[[0, 2]]))) == math.inf


def test_cluster_strategies_take_what_is_nearest_to_the_centers():
    query = make_query(Clue())
    x = query.unlabeled.embedding
    plain = representatives(x, kmeans(x, 20, seeded(), iterations=10).centers)
    assert KMeansSampling().select(replace(query, rng=seeded())).equal(plain)
    probs = query.unlabeled.probs.double() ** (1 / 0.5)
    probs /= probs.sum(1, keepdim=True)
    weights = -(probs * probs.log()).nan_to_num(0).sum(1)
    weighted = representatives(x, kmeans(x, 20, seeded(), weights.float().clamp_min(1e-7), 10).centers)
    assert Clue(temperature=0.5).select(replace(query, rng=seeded())).equal(weighted)
    assert int(KMeansPlusPlus().select(query)[0]) == int(x.norm(dim=1).argmax())


def test_clue_picks_as_uncertain_examples_as_scikit_learns_weighted_k_means():
    """Its weights count in the first draws; without that the picks were hardly more uncertain than the pool."""
    rng = seeded()
    centers = torch.randn(10, 32, generator=rng)
    x = (centers[torch.randint(10, (400,), generator=rng)] + 0.7 * torch.randn(400, 32, generator=rng)).relu()
    sharp = 8 * torch.rand(400, 1, generator=rng)  # of the predictions: some examples are certain, some not at all
    log_probs = (sharp * torch.randn(400, 10, generator=rng)).log_softmax(1)
    query = replace(make_query(Clue()), size=30, unlabeled=Outputs(torch.arange(400), log_probs=log_probs, embedding=x))
    weights = Entropy().score(query)
    theirs, ours = [], []
    for seed in range(10):
        found = KMeans(30, n_init=1, random_state=seed).fit(x.double().numpy(), sample_weight=weights.double().numpy())  # pyright: ignore[reportArgumentType]
        nearest = torch.cdist(torch.from_numpy(found.cluster_centers_), x.double()).argmin(1)
        theirs.append(float(weights[nearest].mean()))
        ours.append(float(weights[Clue().select(replace(query, rng=torch.Generator().manual_seed(seed)))].mean()))
    print("mean entropy of picks", np.mean(ours), "scikit-learn", np.mean(theirs), "pool", float(weights.mean()))
    assert np.mean(theirs) > 1.3 * float(weights.mean())
    assert abs(np.mean(ours) / np.mean(theirs) - 1) < 0.05


def test_in_turns_small_clusters_first():
    order = order_in_turns(np.array([7, 7, 7, 2, 5, 5, 2, 7]))
    assert order.tolist() == [3, 4, 0, 6, 5, 1, 2, 7]


def test_cluster_margin_takes_small_margins_evenly_from_clusters():
    strategy = ClusterMargin(candidate_factor=2, labels_per_cluster=2)
    query = make_query(strategy, size=20)
    candidates = Margin().score(query).argsort(descending=True)[:40]
    chosen = strategy.select(query)
    assert set(chosen.tolist()) <= set(candidates.tolist())
    clusters = AgglomerativeClustering(10, linkage="average").fit_predict(query.unlabeled.embedding.double().numpy())
    available, taken = (np.bincount(clusters[index], minlength=10) for index in (candidates, chosen))
    most = taken.max()
    assert all(count == have or count >= most - 1 for count, have in zip(taken, available, strict=True))


def average_linkage(x: np.ndarray, count: int) -> list[set[int]]:
    """Again and again the two clusters with the smallest mean distance between their members become one."""
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    clusters = [{i} for i in range(len(x))]
    while len(clusters) > count:
        pairs = [(i, j) for j in range(len(clusters)) for i in range(j)]
        i, j = min(pairs, key=lambda pair: distance[np.ix_(*(sorted(clusters[k]) for k in pair))].mean())
        clusters[i] |= clusters.pop(j)
    return clusters


def test_cluster_margin_equals_taking_turns_one_by_one_in_float64():
    strategy = ClusterMargin(candidate_factor=2, labels_per_cluster=2)
    query = make_query(strategy, n=50, size=10)
    unlabeled = query.unlabeled
    names = strategy.clusters(unlabeled.embedding, query).tolist()
    clusters = average_linkage(unlabeled.embedding.double().numpy(), 5)
    assert {frozenset(i for i in range(40) if names[i] == name) for name in names} == set(map(frozenset, clusters))
    top = unlabeled.probs.double().sort(1).values
    candidates = (top[:, -1] - top[:, -2]).argsort(stable=True)[:20]
    mixed = candidates[torch.randperm(20, generator=seeded())].tolist()
    turns = {name: [i for i in mixed if names[i] == name] for name in set(names)}
    order = sorted((name for name in turns if turns[name]), key=lambda name: (len(turns[name]), name))
    expected = [turns[name][turn] for turn in range(20) for name in order if turn < len(turns[name])]
    assert strategy.select(query).tolist() == expected[:10]


def test_large_pools_are_linked_by_centers():
    strategy = ClusterMargin(max_points=15)
    query = make_query(strategy, size=10)
    assert len(strategy.clusters(query.unlabeled.embedding, query).unique()) == 8


@pytest.mark.parametrize("option", ["torchvision", "timm"])
def test_embeddings_are_an_option_of_the_strategy(composed, option):
    node = composed("strategy=probcover", f"embeddings@strategy.embeddings={option}").strategy
    strategy = factory.build(node, "strategy")
    assert isinstance(strategy.embeddings, FromFeatures)
    assert not strategy.needs.embedding
    encoder = strategy.embeddings.encoder
    assert (type(encoder).__name__.lower(), encoder.name) == (option, "resnet18")


@pytest.mark.parametrize("place", ["strategy", "seed_set"])
def test_settings_of_an_embedding_network_are_said_to_be_the_encoders(composed, place):
    chosen = "strategy=probcover" if place == "strategy" else "seed_set=facility_location"
    with pytest.raises(ConfigCompositionException) as error:
        composed(chosen, f"embeddings@{place}.embeddings=torchvision", f"{place}.embeddings.weights=w.pt")
    assert mistake_sentence(error.value) == f"{place}.embeddings.weights is now {place}.embeddings.encoder.weights."


def test_timm_is_asked_for_no_strangers_weights(monkeypatch):
    def create_model(*arguments, **settings):
        raise AssertionError("asked")

    known = types.SimpleNamespace(is_model=lambda name: name == "resnet18", create_model=create_model)
    monkeypatch.setitem(sys.modules, "timm", known)
    for name in ("hf-hub:somebody/model", "local-dir:somewhere"):
        with pytest.raises(UserError, match=rf"{name}: timm has no such network"):
            Timm(name).make()
