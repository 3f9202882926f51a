import pytest
import torch
from torch import Tensor

from alrun.selection import near_pairs
from alrun.selection.near_pairs import NearPairs, sketch
from alrun.selection.points import Dense


def blobs(n: int, width: int = 24) -> Tensor:
    """Points around a few centers, far from the origin, some of them twice; three directions vary most."""
    rng = torch.Generator().manual_seed(0)
    scale = torch.tensor([5.0, 3.0, 2.0] + [0.5] * (width - 3))
    x = torch.randn(n, width, generator=rng) * scale + 7 * torch.randn(6, width, generator=rng)[torch.arange(n) % 6]
    x[-5:] = x[:5]
    return x + 20


def pairs_by_hand(x: Tensor, limit: float) -> dict[tuple[int, int], float]:
    distances = torch.cdist(x.double(), x.double()).square()
    first, second = (distances.triu(1) + torch.full_like(distances, torch.inf).tril() < limit).nonzero(as_tuple=True)
    return {(int(i), int(j)): float(distances[i, j]) for i, j in zip(first, second, strict=True)}


@pytest.mark.parametrize("few", [0.0, 1 / 64, 1.0])
@pytest.mark.parametrize("limit", [0.0, 1e-3, 8.0, 40.0])
def test_pairs_are_those_of_all_distances(monkeypatch, few, limit):
    for name, value in {"TILE": 70, "DIRECTIONS": 4, "SAMPLE": 100, "FEW": few}.items():
        monkeypatch.setattr(near_pairs, name, value)
    x = blobs(300)
    near = NearPairs(Dense(x))
    assert near.sketch is not None
    expected = pairs_by_hand(x, limit)
    assert len(expected) == {0.0: 0, 1e-3: 5}.get(limit, len(expected))
    for asked in (near, NearPairs(Dense(x[:, :8]))):  # the second has too few dimensions for a sketch
        expected = expected if asked is near else pairs_by_hand(x[:, :8], limit)
        first, second, distances = asked.within(limit) or pytest.fail("too many")
        found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), distances.tolist(), strict=True))
        assert found == {pair: pytest.approx(distance, rel=1e-4, abs=1e-2) for pair, distance in expected.items()}


def test_a_smaller_limit_takes_no_other_pass(monkeypatch):
    near = NearPairs(Dense(blobs(100)))
    near.within(60.0)
    monkeypatch.setattr(near, "found", lambda limit: pytest.fail("another pass"))
    first, second, _ = near.within(30.0) or pytest.fail("too many")
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == set(pairs_by_hand(blobs(100), 30.0))


def test_too_many_pairs_are_not_kept(monkeypatch):
    monkeypatch.setattr(near_pairs, "MOST", 50)
    near = NearPairs(Dense(blobs(100)))
    assert near.within(torch.inf) is None
    assert near.within(30.0) is None  # it takes no second pass to find out


@pytest.mark.parametrize("constant", [False, True])
def test_sketches_are_no_farther_apart_than_the_points(monkeypatch, constant):
    monkeypatch.setattr(near_pairs, "DIRECTIONS", 5)
    x = torch.ones(40, 24) if constant else blobs(40)
    short = sketch(x)
    assert short.shape == (40, 6)
    apart, bound = (torch.cdist(each.double(), each.double()) for each in (x, short))
    assert (bound <= apart + 1e-4).all()
    if not constant:
        assert bound.sum() > 0.8 * apart.sum()  # they keep most of it
