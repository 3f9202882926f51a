import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from alrun.selection import coverage, near_pairs
from alrun.selection import points as points_module
from alrun.selection.coverage import ball_cover, nearby_ball_cover, pure_radius
from alrun.selection.points import Dense


def cloud(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("most", [2**23, 10])  # pairs that may be kept
@pytest.mark.parametrize("block", [50, 2**20])
@pytest.mark.parametrize("labeled", [0, 5])
def test_every_pick_holds_most_of_what_is_open(monkeypatch, block, labeled, most):
    monkeypatch.setitem(points_module.BLOCK, "cpu", block)
    monkeypatch.setattr(near_pairs, "MOST", most)
    x, known, radius = cloud(60), cloud(labeled, 1), 0.5
    inside = torch.cdist(x.double(), x.double()).numpy() < radius
    covered = np.zeros(60, dtype=bool)
    if labeled:
        covered = (torch.cdist(x.double(), known.double()).numpy() < radius).any(1)
    picks = ball_cover(Dense(x), Dense(known), radius, 15, seeded()).tolist()
    assert len(set(picks)) == 15
    for position in picks:
        held = (inside & ~covered).sum(1)
        assert held[position] == held.max() > 0
        covered |= inside[position]


def test_once_all_is_covered_the_rest_is_drawn_at_random():
    x = cloud(30)
    first, *rest = ball_cover(Dense(x), Dense(x[:0]), 100.0, 10, seeded()).tolist()
    assert first == 0
    assert len({first, *rest}) == 10
    other = ball_cover(Dense(x), Dense(x[:0]), 100.0, 10, torch.Generator().manual_seed(1)).tolist()
    assert other[1:] != rest
    assert sorted(ball_cover(Dense(x), Dense(x), 0.0, 30, seeded()).tolist()) == list(range(30))


@pytest.mark.parametrize("sample", [512, 20, 2])  # a sample of the balls may have fewer pure ones than all have
@pytest.mark.parametrize("most", [2**23, 10])
@pytest.mark.parametrize("purity", [0.9, 0.5, 1.0])
def test_at_the_pure_radius_the_wanted_share_of_balls_holds_one_label(monkeypatch, purity, most, sample):
    monkeypatch.setattr(near_pairs, "MOST", most)
    monkeypatch.setattr(coverage, "SAMPLE", sample)
    x, labels = cloud(101), (cloud(101)[:, 0] > 0).long()
    radius = pure_radius(Dense(x), labels, purity)
    distance = torch.cdist(x.double(), x.double())
    other = distance.masked_fill(labels[:, None] == labels, torch.inf).amin(1)

    def share(r: float) -> float:
        return float((other >= r).double().mean())

    assert share(radius * (1 - 1e-6)) >= purity > share(radius * (1 + 1e-4)) - 1e-9


def test_one_label_allows_any_radius():
    assert pure_radius(Dense(cloud(5)), torch.zeros(5), 0.9) == torch.inf


@pytest.mark.parametrize("labeled", [0, 5])
@pytest.mark.parametrize("radius", [0.0, 0.4, 100.0])
def test_balls_among_all_points_are_those_of_the_exact_cover(monkeypatch, labeled, radius):
    x, known = cloud(60), cloud(labeled, 1)
    exact = ball_cover(Dense(x), Dense(known), radius, 25, seeded())
    assert nearby_ball_cover(Dense(x), Dense(known), radius, 25, seeded(), 60).equal(exact)
    monkeypatch.setattr(near_pairs, "MOST", 10)
    assert ball_cover(Dense(x), Dense(known), radius, 25, seeded()).equal(exact)


def test_balls_of_near_points_hold_most_of_what_is_open_among_these():
    x, radius = cloud(300), 0.3
    near = NearestNeighbors(n_neighbors=8).fit(x.numpy()).kneighbors(x.numpy(), return_distance=False)
    listed = np.zeros((300, 300), dtype=bool)
    np.put_along_axis(listed, near, True, axis=1)
    inside = (torch.cdist(x.double(), x.double()).numpy() < radius) & listed  # rows in the balls of columns
    covered = np.zeros(300, dtype=bool)
    for position in nearby_ball_cover(Dense(x), Dense(x[:0]), radius, 30, seeded(), 8).tolist():
        held = (inside & ~covered[:, None]).sum(0)
        assert held[position] == held.max() > 0
        covered |= inside[:, position]


def test_some_balls_give_the_radius_of_these():
    x, labels, among = cloud(101), (cloud(101)[:, 0] > 0).long(), torch.arange(0, 101, 2)
    other = torch.cdist(x.double(), x.double()).masked_fill(labels[:, None] == labels, torch.inf).amin(1)[among]
    assert pure_radius(Dense(x), labels, 0.9, among) == pytest.approx(float(other.sort().values[5]))
    assert pure_radius(Dense(x), labels, 0.9, torch.arange(101)) == pytest.approx(pure_radius(Dense(x), labels, 0.9))
