import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alrun.data.dataset import STRANGER
from alrun.pool.pool import Pool
from alrun.selection.greedy import maximize
from alrun.selection.points import Dense
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.fass import Fass
from alrun.strategies.more.submodular import Submodular
from alrun.strategies.more.targeted import (
    ConditionalGain,
    ConditionalMutualInformation,
    MutualInformation,
    rarest_classes,
)
from alrun.strategies.uncertainty import Margin
from alrun.system.errors import UserError
from alrun.testing.made_queries import make_model, noise, query_of, random_labels
from tests.strategies.queries import make_query


def test_fass_represents_the_most_uncertain():
    query = make_query(Fass(), size=10)
    candidates = Margin().score(query).argsort(descending=True)[:30]
    chosen = Fass(candidate_factor=3, uncertainty="margin").select(query)
    assert set(chosen.tolist()) <= set(candidates.tolist())
    points = Dense(query.unlabeled.embedding[candidates]).normalized()
    expected = candidates[maximize(FacilityLocation(Similarity(points, points, cosine, 1e9)), 10)]
    assert chosen.tolist() == expected.tolist()


def test_gradients_can_stand_for_examples():
    by_embedding, by_gradient = (
        Submodular(representation=kind).select(make_query(Submodular(representation=kind))).tolist()
        for kind in ("embedding", "gradient")
    )
    assert by_embedding != by_gradient
    with pytest.raises(UserError, match="feature_based needs features"):
        Submodular("feature_based", "gradient")


def mean_similarity(query, chosen: torch.Tensor, labeled: torch.Tensor) -> float:
    points = F.normalize(query.unlabeled.embedding[chosen])
    return float((points @ F.normalize(query.labeled.embedding[labeled]).T).amax(1).mean())


@pytest.mark.parametrize("function", ["flqmi", "gcmi", "flvmi", "com", "logdetmi"])
def test_mutual_information_looks_for_the_like_of_the_query_class(function):
    strategy = MutualInformation(function, [2], trade_off=1.0, representation="embedding")
    query = make_query(strategy, labeled=30)
    of_class = query.labels == 2
    chosen = mean_similarity(query, strategy.select(query), of_class)
    assert chosen > mean_similarity(query, torch.arange(len(query.unlabeled)), of_class)


@pytest.mark.parametrize(("function", "trade_off"), [("flcg", 1.0), ("gccg", 20.0), ("logdetcg", 1.0)])
def test_conditional_gain_looks_away_from_the_private_class(function, trade_off):
    strategy = ConditionalGain(function, [2], trade_off, representation="embedding")
    query = make_query(strategy, labeled=30)
    of_class = query.labels == 2
    chosen = mean_similarity(query, strategy.select(query), of_class)
    assert chosen < mean_similarity(query, torch.arange(len(query.unlabeled)), of_class)


@pytest.mark.parametrize("function", ["flcmi", "logdetcmi"])
def test_both_at_once(function):
    strategy = ConditionalMutualInformation(function, [2], [0], representation="embedding")
    query = make_query(strategy, size=5, labeled=30)
    every = torch.arange(len(query.unlabeled))
    chosen = strategy.select(query)
    wanted, unwanted = query.labels == 2, query.labels == 0
    gap = mean_similarity(query, chosen, wanted) - mean_similarity(query, chosen, unwanted)
    assert gap > mean_similarity(query, every, wanted) - mean_similarity(query, every, unwanted)


def test_labeled_examples_are_represented_by_the_gradient_at_their_true_label():
    strategy = MutualInformation()
    query = make_query(strategy)
    known = strategy.known(query, torch.ones(10, dtype=torch.bool))
    for i in range(10):
        logits = query.model.head(query.labeled.embedding[i : i + 1])
        (expected,) = torch.autograd.grad(F.cross_entropy(logits, query.labels[i : i + 1]), query.model.head.weight)
        assert torch.allclose(
            known.a[i][:, None] * known.b[i], F.normalize(expected.flatten(), dim=0).view(5, 8), atol=1e-5
        )


def test_without_classes_the_rarest_are_wanted():
    assert rarest_classes(torch.tensor([3, 3, 1, 4, 4, 0])) == [0, 1]
    strategy = MutualInformation(representation="embedding")
    query = make_query(strategy)
    named = MutualInformation(query_classes=rarest_classes(query.labels), representation="embedding")
    assert strategy.select(query).equal(named.select(query))


def test_classes_without_labels_are_refused_with_a_list_of_those_that_have_some():
    strategy = MutualInformation(query_classes=[77])
    with pytest.raises(UserError, match=r"strategy.query_classes=\[77\]: no labeled example .* there are 0, "):
        strategy.select(make_query(strategy))


def with_strangers(strategy, count: int, size: int = 6):
    """A query of which ``count`` examples were answered "none of these"."""
    pool = Pool(noise(60), random_labels(60))
    pool.labels[:count] = STRANGER
    pool.label(torch.arange(count + 12))
    return query_of(strategy, pool, make_model(pool.images), size)


def gradients(outputs, labels: np.ndarray | None = None) -> np.ndarray:
    """Gradients of the last layer at ``labels``, or at the predicted ones, each of length 1, in float64."""
    probs, embedding = outputs.probs.double().numpy(), outputs.embedding.double().numpy()
    residual = probs - np.eye(5)[probs.argmax(1) if labels is None else labels]
    rows = (residual[:, :, None] * embedding[:, None, :]).reshape(len(probs), -1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (1 + one @ other.T) / 2


def log_volume(chosen: np.ndarray, given: np.ndarray) -> float:
    """The logarithm of the volume of ``chosen`` beyond that of ``given``."""
    both = np.concatenate([given, chosen])
    matrix = alike(both, both) + 1e-2 * np.eye(len(both))
    return float(np.linalg.slogdet(matrix)[1] - np.linalg.slogdet(matrix[: len(given), : len(given)])[1])


def value(name: str, pool: np.ndarray, chosen: list[int], wanted: np.ndarray, private: np.ndarray) -> float:
    """The measures of the paper by their definitions."""
    if name.startswith("logdet"):
        volume = log_volume(pool[chosen], private)
        return volume if name == "logdetcg" else volume - log_volume(pool[chosen], np.concatenate([wanted, private]))
    nearest = alike(pool, pool[chosen]).max(1)
    if name == "flcmi":
        nearest = np.minimum(nearest, alike(pool, wanted).max(1))
    avoided = alike(pool, private).max(1) if len(private) else 0.0
    return float(np.maximum(nearest - avoided, 0).sum())


@pytest.mark.parametrize("count", [0, 7])
@pytest.mark.parametrize("name", ["flcg", "logdetcg", "flcmi", "logdetcmi"])
def test_strangers_are_what_is_avoided_and_all_labeled_ones_what_is_wanted(name, count):
    strategy = (
        ConditionalGain(name, "strangers")
        if name.endswith("cg")
        else ConditionalMutualInformation(name, "all", "strangers")
    )
    query = with_strangers(strategy, count)
    assert len(query.strangers) == count
    pool, wanted = gradients(query.unlabeled), gradients(query.labeled, query.labels.numpy())
    private = gradients(query.strangers) if count else np.empty((0, pool.shape[1]))
    chosen: list[int] = []
    for pick in strategy.select(query).tolist():
        values = [value(name, pool, [*chosen, each], wanted, private) for each in range(len(pool))]
        free = [each for each in range(len(pool)) if each not in chosen]
        best = max(values[each] for each in free)
        assert values[pick] == pytest.approx(best, rel=1e-5, abs=1e-5)
        chosen.append(pick)


def test_no_stranger_yet_leaves_a_graph_cut_of_the_pool_alone():
    strategy = ConditionalGain("gccg", "strangers")
    chosen = strategy.select(with_strangers(strategy, 0))
    assert chosen.tolist() == Submodular("graph_cut", "gradient").select(with_strangers(strategy, 0)).tolist()
