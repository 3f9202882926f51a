import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.selection import points as points_module
from alrun.selection.coverage import ball_cover, pure_radius
from alrun.selection.points import Dense


def cloud(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("block", [50, 2**20])
@pytest.mark.parametrize("labeled", [0, 5])
def test_every_pick_holds_most_of_what_is_open(monkeypatch, block, labeled):
    monkeypatch.setitem(points_module.BLOCK, "cpu", block)
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


@pytest.mark.parametrize("purity", [0.9, 0.5, 1.0])
def test_at_the_pure_radius_the_wanted_share_of_balls_holds_one_label(purity):
    x, labels = cloud(101), (cloud(101)[:, 0] > 0).long()
    radius = pure_radius(Dense(x), labels, purity)
    distance = torch.cdist(x.double(), x.double())
    other = distance.masked_fill(labels[:, None] == labels, torch.inf).amin(1)

    def share(r: float) -> float:
        return float((other >= r).double().mean())

    assert share(radius * (1 - 1e-6)) >= purity > share(radius * (1 + 1e-4)) - 1e-9


def test_one_label_allows_any_radius():
    assert pure_radius(Dense(cloud(5)), torch.zeros(5), 0.9) == torch.inf
