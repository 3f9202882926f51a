import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from alrun.selection.greedy_seeding import greedy_seeding
from alrun.selection.kmeans import cluster_means, cluster_sums, kmeans, representatives, sums_of_sorted
from alrun.selection.points import Dense


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(n: int = 300, k: int = 6, d: int = 5) -> Tensor:
    rng = seeded(1)
    return 3 * torch.randn(k, d, generator=rng)[torch.randint(k, (n,), generator=rng)] + torch.randn(
        n, d, generator=rng
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_equal_scikit_learns_from_the_same_centers(weighted):
    x = blobs()
    weights = torch.rand(len(x), generator=seeded(2)) + 0.1 if weighted else None
    found = kmeans(x, 12, seeded(), weights, iterations=300, tolerance=0.0)
    first = greedy_seeding(Dense(x), 12, seeded(), torch.ones(len(x)) if weights is None else weights)
    start = x[first].double().numpy()
    reference = KMeans(12, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(
        x.double().numpy(), sample_weight=None if weights is None else weights.double().numpy()
    )
    assert np.allclose(found.centers.numpy(), reference.cluster_centers_, atol=1e-4)
    assert found.labels.tolist() == reference.labels_.tolist()


def test_it_stops_when_scikit_learn_does():
    """The moves of all centers count, not their mean: a pass too few left the inertia 2 % higher."""
    x = torch.randn(2000, 2, generator=seeded(1))
    start = x[greedy_seeding(Dense(x), 200, seeded(), torch.ones(len(x)))].double().numpy()
    reference = KMeans(200, init=start, n_init=1, max_iter=100, tol=1e-2, algorithm="lloyd").fit(x.double().numpy())
    assert 2 < reference.n_iter_ < 100
    found = kmeans(x, 200, seeded(), iterations=100, tolerance=1e-2)
    assert np.allclose(found.centers.numpy(), reference.cluster_centers_, atol=1e-3)


def test_a_cluster_for_every_point_and_one_for_all():
    x = blobs(20)
    every = kmeans(x, 20, seeded())
    assert sorted(every.labels.tolist()) == list(range(20))
    assert torch.allclose(kmeans(x, 1, seeded()).centers[0], x.mean(0), atol=1e-5)


def test_equal_points_leave_clusters_empty_and_centers_finite():
    x = torch.ones(30, 3)
    found = kmeans(x, 7, seeded())
    assert found.centers.equal(torch.ones(7, 3))
    assert representatives(x, found.centers).unique().numel() == 7


def greedy_representatives(x: Tensor, centers: Tensor) -> list[int]:
    """Rounds in which every open center wishes the nearest free point and the first of rivals gets it."""
    distance = torch.cdist(centers.double(), x.double())
    chosen = [-1] * len(centers)
    while -1 in chosen:
        wishes = {i: int(distance[i].argmin()) for i, point in enumerate(chosen) if point < 0}
        for i, point in wishes.items():
            if point not in chosen:
                chosen[i] = point
        distance[:, [point for point in chosen if point >= 0]] = torch.inf
    return chosen


def test_representatives_are_distinct_and_nearest():
    x = torch.randn(60, 3, generator=seeded(3))
    for count in (1, 10, 25):
        centers = 0.3 * torch.randn(count, 3, generator=seeded(count))  # crowded: rivals for the same points
        assert representatives(x, centers).tolist() == greedy_representatives(x, centers)


def test_many_centers_in_one_place_take_the_points_around_it():
    x = torch.randn(60, 3, generator=seeded(3))
    taken = representatives(x, torch.zeros(25, 3))
    assert sorted(taken.tolist()) == sorted(x.norm(dim=1).argsort()[:25].tolist())


def test_more_clusters_than_points_are_refused():
    with pytest.raises(ValueError, match="cannot make 5 clusters of 4 points"):
        kmeans(torch.zeros(4, 2), 5, seeded())
    with pytest.raises(ValueError, match="4 points cannot stand for 5 centers"):
        representatives(torch.zeros(4, 2), torch.zeros(5, 2))


def test_means_are_the_same_part_by_part(monkeypatch):
    draws = torch.Generator().manual_seed(0)
    x, weights = torch.randn(300, 4, generator=draws), torch.rand(300, generator=draws)
    labels, before = torch.randint(7, (300,), generator=draws), torch.randn(9, 4, generator=draws)
    labels[labels == 3] = 5
    whole = cluster_means(x, labels, weights, before)
    for part in (1, 40, 1000):
        monkeypatch.setattr("alrun.selection.kmeans.BLOCK", {"cpu": 4 * part})
        assert cluster_means(x, labels, weights, before).equal(whole)
    for label in range(9):
        own = labels == label
        total = (x[own].double() * weights[own, None]).sum(0)
        expected = total / weights[own].double().sum() if own.any() else before[label].double()
        assert torch.allclose(whole[label].double(), expected, atol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 50])
def test_sums_are_the_same_point_by_point_and_in_sorted_order(k):
    rng = torch.Generator().manual_seed(0)
    x, weights = torch.randn(500, 7, generator=rng), 0.5 + torch.rand(500, generator=rng)
    labels = torch.randint(k, (500,), generator=rng)
    sums, totals, counts = cluster_sums(x, labels, weights, k)
    of_sorted, weights_of_sorted = sums_of_sorted(x, labels, weights, counts)
    assert of_sorted.equal(sums)
    assert weights_of_sorted.equal(totals)
    member = (labels[:, None] == torch.arange(k)).double()
    assert counts.tolist() == member.sum(0).tolist()
    torch.testing.assert_close(sums.double(), (member * weights[:, None]).T @ x.double(), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(totals.double(), member.T @ weights.double(), atol=1e-4, rtol=1e-5)
