"""Strategies against scikit-activeml: choices where they are certain, and their odds where they are drawn."""

from collections import Counter
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from alrun.models.outputs import Outputs
from alrun.strategies import Query, Strategy
from alrun.strategies.badge import Badge
from alrun.strategies.coreset import Coreset
from alrun.strategies.embeddings import Embeddings
from alrun.strategies.more.clusters import Clue
from alrun.strategies.more.falcun import Falcun
from alrun.strategies.more.herding import MaxHerding
from alrun.strategies.probcover import ProbCover
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.uncertainty import entropy
from alrun.testing.made_queries import make_query
from tests.heavy.authors.published import foreign


@pytest.fixture(scope="session")
def skactiveml() -> ModuleType:
    foreign("skactiveml.pool")
    foreign("skactiveml.base")
    return foreign("skactiveml")


pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

DRAWS = 4000


class Given(Embeddings):
    """Embeddings of the whole pool that a test makes up."""

    def __init__(self, rows: np.ndarray, normalize: bool = False) -> None:
        super().__init__(normalize)
        self.rows = torch.from_numpy(rows).float()

    def raw(self, query: Query, examples: Outputs) -> torch.Tensor:
        return self.rows[examples.index]


def told(query: Query, rows: np.ndarray, log_probs: torch.Tensor | None = None) -> Query:
    """``query`` with made-up outputs for its pool: embeddings ``rows`` (N, H) and log-probabilities (N, C)."""
    x = torch.from_numpy(rows).float()
    fields = {"embedding": x} if log_probs is None else {"embedding": x, "log_probs": log_probs}
    unlabeled, labeled = (
        Outputs(index, **{name: value[index] for name, value in fields.items()})
        for index in (query.unlabeled.index, query.labeled.index)
    )
    return replace(query, unlabeled=unlabeled, labeled=labeled)


def known(query: Query) -> np.ndarray:
    """Labels as scikit-activeml takes them: NaN where there are none."""
    labels = query.pool.labels.numpy().astype(float)
    labels[labels < 0] = np.nan
    return labels


def classifier(skactiveml, probs: torch.Tensor, rows: np.ndarray):
    """A classifier of theirs that predicts ``probs`` (N, C) and embeds as ``rows`` (N, H), given positions (N, 1)."""

    class Fixed(skactiveml.base.SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X, embedded=False):
            at = np.asarray(X)[:, 0].astype(int)
            return (probs.double().numpy()[at], rows[at]) if embedded else probs.double().numpy()[at]

    return Fixed(classes=list(range(probs.shape[1])))


def made_up(n: int, width: int, classes: int, seed: int, scale: float = 2.0) -> tuple[np.ndarray, torch.Tensor]:
    """Embeddings as after a ReLU, and log-probabilities of a linear classifier."""
    numbers = np.random.default_rng(seed)
    rows = np.maximum(numbers.normal(size=(n, width)), 0)
    logits = scale * rows @ numbers.normal(size=(width, classes))
    return rows, torch.from_numpy(logits).float().log_softmax(1)


def positions(n: int) -> np.ndarray:
    return np.arange(n)[:, None]


def fits(counts: Counter, odds: np.ndarray) -> None:
    """Draws follow ``odds``, by a χ² test whose cells have five or more expected draws each."""
    order = odds.argsort()[::-1]
    large = [i for i in order if DRAWS * odds[i] >= 5]
    seen = [counts[i] for i in large]
    expected = [DRAWS * odds[i] for i in large]
    rest = DRAWS - sum(expected)
    if rest > 5:
        seen.append(DRAWS - sum(seen))
        expected.append(rest)
    expected = np.array(expected) * sum(seen) / sum(expected)
    assert chisquare(seen, expected).pvalue > 1e-4


@pytest.mark.parametrize("seed", [0, 1])
def test_core_set_takes_the_same_examples_in_the_same_order(skactiveml, seed):
    strategy = Coreset()
    rows, _ = made_up(120, 16, 5, seed)
    query = told(make_query(strategy, size=25), rows)
    theirs = skactiveml.pool.CoreSet(random_state=0).query(rows, known(query), batch_size=25)
    assert query.unlabeled.index[strategy.select(query)].tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", [0, 1])
def test_badge_takes_the_same_first_example_and_draws_the_second_with_the_same_odds(skactiveml, seed):
    """Theirs counts the origin as a center, the authors' code does not: here all lie far from it."""
    numbers = np.random.default_rng(seed)
    rows = 10 + numbers.exponential(size=(40, 6))
    log_probs = torch.from_numpy([2, 0, 0, 0] + 0.1 * numbers.normal(size=(40, 4))).float().log_softmax(1)
    strategy = Badge()
    query = told(make_query(strategy, size=2, n=40), rows, log_probs)
    theirs = skactiveml.pool.Badge(clf_embedding_flag_name="embedded", random_state=0)
    chosen, utilities = theirs.query(
        positions(40),
        known(query),
        classifier(skactiveml, log_probs.exp(), rows),
        fit_clf=False,
        batch_size=2,
        return_utilities=True,
    )
    odds = np.nan_to_num(utilities[1][query.unlabeled.index])
    counts: Counter = Counter()
    for draw in range(DRAWS):
        first, second = strategy.select(replace(query, rng=torch.Generator().manual_seed(draw))).tolist()
        assert int(query.unlabeled.index[first]) == chosen[0]
        counts[second] += 1
    fits(counts, odds)


def test_falcun_draws_the_first_example_with_the_same_odds_where_uncertainties_span_0_to_1(skactiveml):
    """Elsewhere theirs leaves the first distances as they are, and the authors' code stretches them."""
    strategy = Falcun()
    rows, log_probs = made_up(40, 6, 4, 0)
    log_probs[1] = torch.tensor([1, 0, 0, 0]).log()
    log_probs[2] = torch.tensor([0.5, 0.5, 0, 0]).log()
    query = told(make_query(strategy, size=1, n=40), rows, log_probs)
    _, utilities = skactiveml.pool.Falcun(gamma=10, random_state=0).query(
        positions(40),
        known(query),
        classifier(skactiveml, log_probs.exp(), rows),
        fit_clf=False,
        return_utilities=True,
    )
    odds = np.nan_to_num(utilities[0][query.unlabeled.index])
    counts: Counter = Counter()
    for draw in range(DRAWS):
        counts[int(strategy.select(replace(query, rng=torch.Generator().manual_seed(draw)))[0])] += 1
    fits(counts, odds)


def best_of_each_moment(theirs, rows: np.ndarray, query: Query, picks: list[int]) -> None:
    """Each pick has the highest utility of theirs, given the picks before it."""
    labels = known(query)
    for pick in query.unlabeled.index[picks].tolist():
        _, utilities = theirs.query(rows, labels, batch_size=1, return_utilities=True)
        assert utilities[0][pick] == pytest.approx(np.nanmax(utilities[0]), rel=1e-5, abs=1e-6)
        if np.nanmax(utilities[0]) == 0:
            return
        labels[pick] = 0


@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_probcover_takes_what_covers_most(skactiveml, radius):
    rows, _ = made_up(120, 8, 5, 0)
    strategy = ProbCover(Given(rows), radius=radius)
    query = make_query(strategy, size=15)
    theirs = skactiveml.pool.ProbCover(n_classes=5, deltas=[radius], random_state=0)
    best_of_each_moment(theirs, rows, query, strategy.select(query).tolist())


@pytest.mark.parametrize("bandwidth", [1.0, 0.3])
def test_max_herding_takes_what_covers_most(skactiveml, bandwidth):
    rows, _ = made_up(120, 8, 5, 0)
    strategy = MaxHerding(Given(rows, normalize=True), bandwidth)
    query = make_query(strategy, size=15)
    theirs = skactiveml.pool.MaxHerding(metric_dict={"gamma": 1 / bandwidth**2}, random_state=0)
    best_of_each_moment(theirs, rows, query, strategy.select(query).tolist())


def test_typiclust_takes_the_middle_of_every_cluster_that_has_no_label(skactiveml):
    """Clusters of different sizes that every k-means finds, each a ball around its own middle."""
    numbers = np.random.default_rng(0)
    sizes, centers = np.arange(8, 20), 50 * numbers.normal(size=(12, 4))
    rows = np.concatenate(
        [center + np.r_[np.zeros((1, 4)), ball(numbers, size - 1)] for center, size in zip(centers, sizes, strict=True)]
    )
    middles = np.r_[0, sizes.cumsum()[:-1]]
    strategy = TypiClust(Given(rows))
    labeled = middles[[2, 5, 7]] + 1
    query = make_query(strategy, size=9, n=len(rows), labeled=0)
    query.pool.label(torch.from_numpy(labeled))
    unlabeled = query.pool.unlabeled
    query = replace(query, unlabeled=Outputs(unlabeled), labeled=Outputs(query.pool.labeled))
    labels = np.full(len(rows), np.nan)
    labels[labeled] = 0
    theirs = skactiveml.pool.TypiClust(k=20, random_state=0, cluster_algo_dict={"n_init": 20})
    expected = theirs.query(rows, labels, batch_size=9)
    assert expected.tolist() == [middle for middle in middles[::-1] if middle + 1 not in labeled]
    assert unlabeled[strategy.select(query)].tolist() == expected.tolist()


def ball(numbers: np.random.Generator, count: int) -> np.ndarray:
    """Points (count, 4) at distance 1 to 2 from the origin."""
    directions = numbers.normal(size=(count, 4))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * numbers.uniform(1, 2, (count, 1))


def test_clue_picks_are_as_uncertain_as_theirs(skactiveml):
    """k-means differs in its random starts: means over pools are compared, and the pool's own mean is far off."""
    ours, others, pools = [], [], []
    for seed in range(8):
        strategy: Strategy = Clue()
        rows, log_probs = made_up(400, 16, 10, seed, scale=1.0)
        query = told(make_query(strategy, size=30, n=400), rows, log_probs)
        theirs = skactiveml.pool.Clue(
            predict_dict={"embedded": True}, cluster_algo_dict={"n_init": 10}, random_state=seed
        ).query(
            positions(400),
            known(query),
            classifier(skactiveml, log_probs.exp(), rows),
            fit_estimator=False,
            batch_size=30,
        )
        uncertainty = entropy(log_probs)
        ours.append(float(uncertainty[query.unlabeled.index[strategy.select(query)]].mean()))
        others.append(float(uncertainty[theirs].mean()))
        pools.append(float(uncertainty.mean()))
    gained = np.mean(others) - np.mean(pools)
    assert gained > 0.1
    assert abs(np.mean(ours) - np.mean(others)) < 0.25 * gained
