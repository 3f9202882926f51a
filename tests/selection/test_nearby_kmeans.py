import pytest
import torch
from sklearn.cluster import KMeans

from alrun.selection.kmeans import kmeans, representatives
from alrun.selection.nearby_kmeans import nearby_kmeans, nearby_representatives


def rows(n: int, d: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def inertia(x: torch.Tensor, centers: torch.Tensor) -> float:
    return float(torch.cdist(x.double(), centers.double()).square().amin(1).sum())


def test_without_nearby_it_is_kmeans():
    x = rows(200)
    assert nearby_kmeans(x, 9, seeded(), None).centers.equal(kmeans(x, 9, seeded()).centers)


@pytest.mark.parametrize("weighted", [False, True])
def test_compared_with_all_centers_it_is_lloyds_algorithm(weighted):
    x = rows(400)
    weights = torch.rand(400, generator=seeded()) + 0.1 if weighted else None
    found = nearby_kmeans(x, 12, seeded(), 12, weights, iterations=100)
    distance = torch.cdist(x.double(), found.centers.double())
    assert found.labels.equal(distance.argmin(1))
    again = KMeans(12, init=found.centers.double().numpy(), n_init=1, tol=0).fit(
        x.double().numpy(), sample_weight=None if weights is None else weights.double().numpy()
    )
    assert torch.allclose(torch.from_numpy(again.cluster_centers_), found.centers.double(), atol=0.05)


def test_compared_with_near_centers_it_is_nearly_as_good():
    x = 3 * rows(60)[torch.arange(3000) % 60] + rows(3000, seed=1)
    best = KMeans(100, n_init=1, random_state=0).fit(x.double().numpy()).inertia_
    found = nearby_kmeans(x, 100, seeded(), 20)
    assert inertia(x, found.centers) < 1.03 * best
    right = torch.cdist(x.double(), found.centers.double()).argmin(1) == found.labels
    assert right.double().mean() > 0.95


def test_representatives_are_the_nearest_of_their_clusters():
    x = rows(500)
    found = nearby_kmeans(x, 20, seeded(), 20)
    picks = nearby_representatives(x, found, 20)
    for center, pick in enumerate(picks.tolist()):
        distance = (x.double() - found.centers[center].double()).square().sum(1)
        assert pick == int(distance.masked_fill(found.labels != center, torch.inf).argmin())
    assert nearby_representatives(x, found, None).equal(representatives(x, found.centers))


def test_clusters_without_points_have_a_representative_of_their_own():
    x = torch.arange(6.0)[:, None].repeat_interleave(2, 0)
    found = nearby_kmeans(x, 10, seeded(), 10)
    picks = nearby_representatives(x, found, 10)
    assert len(picks.unique()) == 10


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="cannot make 5 clusters of 4 points"):
        nearby_kmeans(rows(4), 5, seeded(), 2)
