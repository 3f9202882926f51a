"""Cases of strategies that cluster, cover or compare.

References: scikit-learn's k-means and neighbors; all distances at once and a loop over picks; a loop over examples.
"""

import torch
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from alrun.strategies import Strategy
from alrun.strategies.bait import Bait
from alrun.strategies.embeddings import FromClassifier
from alrun.strategies.more.alfa_mix import AlfaMix
from alrun.strategies.more.cal import Cal
from alrun.strategies.more.cluster_margin import ClusterMargin
from alrun.strategies.more.clusters import Clue, KMeansPlusPlus, KMeansSampling
from alrun.strategies.more.discriminative import Discriminative
from alrun.strategies.more.falcun import Falcun
from alrun.strategies.more.herding import MaxHerding, UncertaintyHerding
from alrun.strategies.more.tcm import Tcm
from alrun.strategies.probcover import ProbCover
from alrun.strategies.typiclust import TypiClust
from benchmarks.selection_cases.case import LABELED, WIDTH, Case, Job, query, seconds

EMBEDDINGS = FromClassifier()
REFERENCE_PICKS = 3
ITERATIONS = 10


def job(strategy: Strategy, case: Case, flops: float, reference=None) -> Job:
    """``strategy`` on ``case``; embeddings are read at least once."""
    asked = query(case)
    plain = (lambda: reference(asked)) if reference else None
    return Job(lambda: strategy.select(asked), plain, flops, 4.0 * case.n * (WIDTH + case.classes))


def k_means(case: Case) -> Job:
    """Ten iterations of distances to as many centers as picks."""

    def plain(asked) -> float:
        fit = KMeans(
            case.size,
            n_init=1,  # pyright: ignore[reportArgumentType]
            max_iter=ITERATIONS,
            random_state=0,
        ).fit
        return seconds(lambda: fit(asked.unlabeled.embedding.numpy()))

    flops = 2.0 * case.n * case.size * WIDTH * ITERATIONS
    return job(KMeansSampling(ITERATIONS), case, flops, plain if case.n <= 10_000 else None)


def clue(case: Case) -> Job:
    """k-means with weights."""
    return job(Clue(iterations=ITERATIONS), case, 2.0 * case.n * case.size * WIDTH * ITERATIONS)


def typiclust(case: Case) -> Job:
    """k-means of 500 clusters, and distances within them."""
    count = min(LABELED + case.size, 500)
    return job(TypiClust(EMBEDDINGS), case, 2.0 * (case.n + LABELED) * count * WIDTH * ITERATIONS)


def tcm(case: Case) -> Job:
    """TypiClust, as while labels are few; margins are timed as a case of their own."""
    count = min(LABELED + case.size, 500)
    return job(Tcm(EMBEDDINGS, case.n), case, 2.0 * (case.n + LABELED) * count * WIDTH * ITERATIONS)


def cluster_margin(case: Case) -> Job:
    """Average linkage of all pairs of at most 5,000 points."""
    return job(ClusterMargin(), case, 2.0 * min(case.n, 5000) ** 2 * WIDTH)


def probcover(case: Case) -> Job:
    """Distances of all to all, once, and again to covered points."""

    def plain(asked) -> float:
        x = EMBEDDINGS.of(asked)[0]
        held: list[Tensor] = []
        start = seconds(lambda: held.append(torch.cdist(x, x) < 0.5))
        return start + seconds(lambda: [held[0].sum(1).argmax() for _ in range(REFERENCE_PICKS)], case.size / 3)

    return job(ProbCover(EMBEDDINGS, 0.5), case, 2.0 * case.n**2 * WIDTH, plain if case.n <= 10_000 else None)


def max_herding(case: Case) -> Job:
    """Similarities of all to all, half of them by symmetry."""

    def plain(asked) -> float:
        x = EMBEDDINGS.of(asked)[0]
        held: list[Tensor] = []
        start = seconds(lambda: held.append((-torch.cdist(x, x).square()).exp()))
        covered = torch.zeros(len(x))
        pick = lambda: torch.cat([(part - covered).clamp_min(0).sum(1) for part in held[0].split(500)])  # noqa: E731
        return start + seconds(lambda: [pick().argmax() for _ in range(REFERENCE_PICKS)], case.size / REFERENCE_PICKS)

    return job(MaxHerding(EMBEDDINGS), case, 1.0 * case.n**2 * WIDTH, plain)


def uncertainty_herding(case: Case) -> Job:
    """MaxHerding with weights and another bandwidth."""
    return job(UncertaintyHerding(EMBEDDINGS), case, 1.0 * case.n**2 * WIDTH)


def cal(case: Case) -> Job:
    """Distances to the labeled examples."""

    def plain(asked) -> float:
        labeled, part = asked.labeled, asked.unlabeled.take(torch.arange(1000))
        near = NearestNeighbors(n_neighbors=10).fit(labeled.embedding.numpy())

        def one(i: int) -> Tensor:
            known = labeled.probs[near.kneighbors(part.embedding[i : i + 1].numpy(), return_distance=False)[0]]
            return (known * (known.log() - part.log_probs[i])).sum(1).mean()

        return seconds(lambda: [one(i) for i in range(100)], case.n / 100)

    return job(Cal(), case, 2.0 * case.n * LABELED * WIDTH, plain)


def falcun(case: Case) -> Job:
    """A pass over the probabilities for every pick."""
    made = job(Falcun(), case, 0.0)
    return made._replace(bytes=4.0 * case.n * case.classes * case.size)


def alfa_mix(case: Case) -> Job:
    """The distance of every example from the mean of every class, and k-means."""
    return job(AlfaMix(), case, 3.0 * case.n * WIDTH * case.classes)


def bait(case: Case) -> Job:
    """Three symmetric forms of the embeddings, then products with two vectors for each pick, of twice as many."""
    flops = 3.0 * case.n * WIDTH**2 + 4.0 * 2 * case.size * case.n * WIDTH
    return job(Bait(), case, flops, lambda asked: plain_bait(asked, case.size))


def plain_bait(asked, size: int) -> float:
    """The trace of inverse times Fisher matrix, computed for every candidate; a hundred candidates are timed."""
    x = asked.unlabeled.embedding.double()
    inverse, fisher = torch.eye(WIDTH, dtype=torch.float64), x.T @ x

    def one(i: int) -> Tensor:
        u = inverse @ x[i]
        return (u @ fisher @ u) / (1 + x[i] @ u)

    return seconds(lambda: [one(i) for i in range(100)], len(x) / 100 * 3 * size)


def plus_plus(case: Case) -> Job:
    """Distances to every center."""
    return job(KMeansPlusPlus(), case, 2.0 * case.n * case.size * WIDTH)


def discriminative(case: Case) -> Job:
    """Ten networks trained on all embeddings, for at least an epoch each."""
    parameters = WIDTH * 256 + 256 * 256
    return job(Discriminative(), case, 10 * 6.0 * case.n * parameters)


CASES = [
    Case(name, n, 10, size, prepare)
    for name, prepare, sizes in (
        ("k-means", k_means, ((2_000, 100), (10_000, 1000), (47_000, 1000))),
        ("k-means++", plus_plus, ((10_000, 1000), (47_000, 3000))),
        ("CLUE", clue, ((2_000, 100), (10_000, 1000), (47_000, 1000))),
        ("TypiClust", typiclust, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("Cluster-Margin", cluster_margin, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("ProbCover", probcover, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("MaxHerding", max_herding, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("CAL", cal, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("Falcun", falcun, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("ALFA-Mix", alfa_mix, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("BAIT (binary)", bait, ((2_000, 100), (10_000, 1000), (47_000, 1000))),
        ("TCM", tcm, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("UHerding", uncertainty_herding, ((2_000, 100), (10_000, 1000), (47_000, 3000))),
        ("discriminative", discriminative, ((2_000, 100), (10_000, 1000), (47_000, 1000))),
    )
    for n, size in sizes
]
