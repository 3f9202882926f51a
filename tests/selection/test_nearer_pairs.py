"""Against all distances, computed one by one."""

import pytest
import torch

from alrun.selection import uncovered
from alrun.selection.nearer_pairs import NearerPairs
from alrun.selection.points import Dense

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
APART = (X[:, None] - X).square().sum(2)
NAMES = torch.arange(100, 160)


def nearest_to(labeled: list[int]) -> torch.Tensor:
    nearest = APART[:, labeled].amin(1)
    nearest[labeled] = -torch.inf
    return nearest


@pytest.mark.parametrize("tile", [7, 1000])
def test_what_can_still_cover_is_kept_from_query_to_query(monkeypatch, tile):
    monkeypatch.setattr(uncovered, "TILE", tile)
    pairs = NearerPairs(NAMES, Dense(X), nearest_to([3, 40]), 1e6)
    monkeypatch.setattr(uncovered.Uncovered, "symmetric", None)  # no other pass
    for labeled in ([3, 40], [3, 40, 7], [3, 40, 7, 8, 9, 50]):
        nearest = nearest_to(labeled)
        assert pairs.serve(NAMES, nearest)
        rest = torch.tensor([i for i in range(60) if i not in labeled])
        found = pairs.covering(rest, nearest, lambda distances: (distances / 4).exp())
        assert found is not None
        kernel = (-APART / 4).exp()[rest][:, rest]
        above = (kernel - (-nearest[rest] / 4).exp()).clamp_min(0)
        gains = found.gains(slice(None), (-nearest[rest] / 4).exp(), None)
        assert torch.allclose(gains, above.sum(1), atol=1e-4)
        assert int(found.counts.sum()) == int((above > 1e-5).sum())


def test_other_points_or_farther_labels_ask_for_other_pairs():
    pairs = NearerPairs(NAMES, Dense(X), nearest_to([3, 40]), 1e6)
    assert pairs.serve(NAMES, nearest_to([3, 40]) + 1e-7)  # round-off
    assert not pairs.serve(NAMES, nearest_to([3]))  # a label was taken back
    assert not pairs.serve(NAMES + 1, nearest_to([3, 40]))
    assert not pairs.serve(NAMES[:50], nearest_to([3, 40])[:50])


def test_too_many_pairs_are_none():
    pairs = NearerPairs(NAMES, Dense(X), nearest_to([3, 40]), 100.0)
    assert not pairs.serve(NAMES, nearest_to([3, 40]))
    assert pairs.covering(torch.arange(60), nearest_to([3, 40]), torch.exp) is None
