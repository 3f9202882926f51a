import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from alrun.selection import neighbors
from alrun.selection.neighbors import nearest_neighbors

X = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("block", [7, 2**20])
@pytest.mark.parametrize("itself", [True, False])
def test_neighbors_equal_scikit_learns_in_blocks_of_any_size(monkeypatch, block, itself):
    monkeypatch.setitem(neighbors.BLOCK, "cpu", 50 * block)
    others = X if not itself else X[:20] + 0.1
    distances, positions = nearest_neighbors(X, others, 5, itself)
    reference = NearestNeighbors(n_neighbors=5).fit(others.double().numpy())
    expected, where = reference.kneighbors(X.double().numpy() if itself else None)
    assert positions.tolist() == where.tolist()
    assert np.allclose(distances.sqrt().numpy(), expected, atol=1e-5)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="5 points do not have 5 neighbors"):
        nearest_neighbors(X[:5], X[:5], 5, itself=False)
