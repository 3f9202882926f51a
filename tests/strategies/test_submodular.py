import pytest
import torch
import torch.nn.functional as F

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
