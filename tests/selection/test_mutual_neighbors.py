"""Against scikit-learn's brute force in float64."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from alrun.selection import mutual_neighbors as module
from alrun.selection.mutual_neighbors import TopK, find_true, mutual_neighbors
from alrun.selection.points import Dense
from alrun.selection.similarity import cosine

X = torch.randn(203, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def small(monkeypatch):
    """Tiles and a sample that many of the points here do not fit."""
    monkeypatch.setattr(module, "TILE", 16)
    monkeypatch.setattr(module, "SAMPLE", 64)


def check(x: torch.Tensor, k: int) -> None:
    values, positions = mutual_neighbors(Dense(x).normalized(), cosine, k)
    expected = (1 + cosine_similarity(x.double().numpy())) / 2
    assert np.allclose(values.sort(descending=True).values, -np.sort(-expected, axis=1)[:, :k], atol=1e-6)
    for row in range(len(x)):
        assert sorted(positions[row].tolist()) == sorted(np.argsort(-expected[row])[:k].tolist())


@pytest.mark.parametrize(("tile", "k"), [(16, 5), (16, 40), (61, 8), (300, 8), (64, 203), (8, 1)])
def test_neighbors_are_those_of_brute_force(monkeypatch, small, tile, k):
    monkeypatch.setattr(module, "TILE", tile)
    check(X, k)


def test_few_points_are_compared_as_a_whole():
    check(X, 7)


def test_points_in_the_order_of_their_clusters(small):
    """All neighbors of a row are in few tiles, more of them than it has room for."""
    centers = 4 * torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    check(X + centers.repeat_interleave(51, dim=0)[:203], 5)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_sample_that_promises_too_much_changes_nothing(monkeypatch, small, rank):
    """Rows of which less than k was kept are computed as a whole."""
    monkeypatch.setattr(module, "safe_rank", lambda expected: rank)
    check(X, 12)


def test_a_rank_that_few_rows_fall_short_of():
    """Of 50,000 values, the 128 largest exceed the sample's value of that rank in 99 of 100 samples."""
    expected = 128 * module.SAMPLE / 50_000
    generator = np.random.default_rng(0)
    largest = generator.binomial(module.SAMPLE, 128 / 50_000, size=100_000)  # of the 128, in a sample
    assert np.mean(largest >= module.safe_rank(expected)) < 0.01
    assert module.safe_rank(expected) < 4 * expected


def test_a_row_without_room_keeps_its_largest():
    best = TopK(torch.full((2,), -torch.inf), k=2)
    tile = torch.tensor([[0.0, 5, 1, 4, 2, 3, 9, 8, 7], [9.0, 8, 7, 6, 5, 4, 3, 2, 1]])
    best.put(
        slice(0, 2),
        *[part.flatten() for part in (torch.tensor([[0], [1]]).expand(2, 9), torch.arange(9).repeat(2, 1), tile)],
    )
    values, positions = best.result([slice(0, 2)])
    assert values.sort().values.tolist() == [[8, 9], [8, 9]]
    assert positions.sort().values.tolist() == [[6, 7], [0, 1]]


@pytest.mark.parametrize("shape", [(3, 5), (8, 8), (1, 1)])
def test_what_is_true_is_found_in_tiles_of_any_size(shape):
    mask = torch.randn(shape, generator=torch.Generator().manual_seed(0)) > 0
    assert find_true(mask).tolist() == np.flatnonzero(mask.numpy()).tolist()


def test_duplicates_are_each_others_neighbors(small):
    """All similarities are the same: any columns may be kept, but none twice."""
    points = Dense(torch.ones(80, 3)).normalized()
    values, positions = mutual_neighbors(points, cosine, 7)
    assert torch.allclose(values, torch.ones(80, 7))
    assert all(len(set(row)) == 7 for row in positions.tolist())
