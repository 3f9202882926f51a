"""Against scikit-learn's brute force in float64."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from alrun.selection import mutual_neighbours as module
from alrun.selection.mutual_neighbours import mutual_neighbours
from alrun.selection.points import Dense
from alrun.selection.similarity import cosine

X = torch.randn(203, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("tile", "k"), [(16, 5), (16, 40), (61, 8), (300, 8), (64, 203), (8, 1)])
def test_neighbours_are_those_of_brute_force(monkeypatch, tile, k):
    monkeypatch.setattr(module, "TILE", tile)
    points = Dense(X).normalized()
    values, positions = mutual_neighbours(points, cosine, k)
    expected = (1 + cosine_similarity(X.double().numpy())) / 2
    assert np.allclose(values.sort(descending=True).values, -np.sort(-expected, axis=1)[:, :k], atol=1e-6)
    for row in range(len(X)):
        assert sorted(positions[row].tolist()) == sorted(np.argsort(-expected[row])[:k].tolist())


def test_duplicates_are_each_others_neighbours():
    """All similarities are the same: any columns may be kept, but none twice."""
    points = Dense(torch.ones(50, 3)).normalized()
    values, positions = mutual_neighbours(points, cosine, 7)
    assert torch.allclose(values, torch.ones(50, 7))
    assert all(len(set(row)) == 7 for row in positions.tolist())
