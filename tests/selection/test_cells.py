import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from alrun.selection import cells as module
from alrun.selection.cells import Cells


def rows(n: int, d: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def clustered(n: int, d: int = 16) -> torch.Tensor:
    return 6 * rows(20, d)[torch.arange(n) % 20] + rows(n, d, seed=1)


@pytest.mark.parametrize("itself", [True, False])
def test_neighbors_in_all_cells_are_the_nearest(monkeypatch, itself):
    monkeypatch.setattr(module, "PROBES", 10**6)
    monkeypatch.setattr(module, "ROWS", 3)
    x = rows(150)
    distances, positions = Cells(x).neighbors(7, itself)
    exact = torch.cdist(x.double(), x.double()).square()
    if not itself:
        exact.fill_diagonal_(torch.inf)
    expected = exact.topk(7, dim=1, largest=False)
    assert positions.dtype == torch.int32
    assert positions.long().sort(1).values.equal(expected.indices.sort(1).values)
    assert torch.allclose(distances.double().sort(1).values, expected.values, atol=1e-5)
    assert torch.allclose(distances.double(), exact.gather(1, positions.long()), atol=1e-5)


def test_as_many_neighbors_as_there_are_points_are_all():
    _, positions = Cells(rows(80)).neighbors(80)
    assert (positions.sort(1).values == torch.arange(80)).all()


def test_neighbors_in_near_cells_are_mostly_the_nearest(monkeypatch):
    monkeypatch.setattr(module, "PROBES", 8)
    x = clustered(2000)
    distances, positions = Cells(x).neighbors(10)
    expected = NearestNeighbors(n_neighbors=10).fit(x.numpy()).kneighbors(x.numpy(), return_distance=False)
    shared = [len(np.intersect1d(*pair)) for pair in zip(positions.numpy(), expected, strict=True)]
    assert 0.9 < np.mean(shared) / 10 <= 1
    assert all(len(set(each)) == 10 for each in positions.tolist())
    true = (x[:, None] - x[positions.long()]).double().square().sum(2)
    assert torch.allclose(distances.double(), true, rtol=1e-4, atol=1e-3)


def test_a_point_is_compared_with_others_of_near_cells_only(monkeypatch):
    monkeypatch.setattr(module, "PROBES", 2)
    x = clustered(2000)
    seen = torch.zeros(2000, dtype=torch.int64)
    compared = 0
    cells = Cells(x)
    for points, targets in cells.comparisons(cells.targets(cells.cell, 10), slice(None)):
        seen[points] += 1
        assert len(targets) >= 10
        compared += len(points) * len(targets)
    assert (seen == 1).all()
    assert compared < 2000**2 / 5


def test_the_nearest_of_others_is_never_nearer_than_it_is():
    x, others = clustered(1000), clustered(300)[100:]
    distances, positions = Cells(x).nearest(others)
    exact = torch.cdist(x.double(), others.double()).square()
    assert torch.allclose(distances.double(), exact.gather(1, positions[:, None])[:, 0], rtol=1e-4, atol=1e-3)
    assert (distances.double() >= exact.amin(1) - 1e-3).all()
    assert (positions == exact.argmin(1)).double().mean() > 0.9
    every = Cells(x).nearest(others, least=200)
    assert every[1].equal(exact.argmin(1))


def test_cells_do_not_depend_on_the_state_of_random_numbers():
    x = rows(200)
    torch.manual_seed(1)
    first = Cells(x).neighbors(5)[1]
    torch.manual_seed(2)
    assert Cells(x).neighbors(5)[1].equal(first)


def test_equal_points_and_single_points_have_cells():
    assert Cells(torch.ones(9, 2)).neighbors(3)[0].equal(torch.zeros(9, 3))
    assert Cells(torch.ones(1, 2)).neighbors(1)[1].tolist() == [[0]]
    with pytest.raises(ValueError, match="5 points do not have 5 neighbors each"):
        Cells(rows(5)).neighbors(5, itself=False)
