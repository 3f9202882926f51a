import pytest
import torch
from scipy.stats import chisquare

from alrun.selection import cells
from alrun.selection import k_center as module
from alrun.selection.cells import Cells
from alrun.selection.k_center import k_center
from alrun.selection.points import Dense, Outer


def brute_force(x: torch.Tensor, centers: torch.Tensor, size: int) -> list[int]:
    distance, chosen = torch.cdist(x.double(), centers.double()).amin(1), []
    for _ in range(size):
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, torch.cdist(x.double(), x[chosen[-1:]].double())[:, 0])
    return chosen


def rows(n: int, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("candidates", "front"), [(1, 1), (1, 8), (5, 20), (64, 64), (1024, 8192)])
def test_picks_are_those_of_one_pass_a_pick(monkeypatch, candidates, front):
    monkeypatch.setattr(module, "CANDIDATES", candidates)
    monkeypatch.setattr(module, "FRONT", front)
    x, centers = rows(400), rows(7, seed=1)
    assert k_center(Dense(x), Dense(centers), 150).tolist() == brute_force(x, centers, 150)


def test_without_centers_the_longest_point_comes_first():
    x = rows(60)
    longest = int(x.norm(dim=1).argmax())
    none = Dense(x[:0])
    assert k_center(Dense(x), none, 20).tolist() == [longest, *brute_force(x, x[longest][None], 19)]
    assert k_center(Dense(x), none, 1).tolist() == [longest]
    assert k_center(Dense(torch.ones(5, 2)), none, 5).sort().values.tolist() == [0, 1, 2, 3, 4]


def test_factors_are_picked_as_the_formed_points():
    a, b = rows(300, 3), rows(300, 4, seed=1)
    formed = (a[:, :, None] * b[:, None, :]).flatten(1)
    got = k_center(Outer(a, b).take(slice(10, 300)), Outer(a, b).take(slice(0, 10)), 60)
    assert got.tolist() == brute_force(formed[10:], formed[:10], 60)


def test_duplicates_come_last_and_each_point_once_with_a_word_in_the_log(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(module, "CANDIDATES", 7)
    monkeypatch.setattr(module, "FRONT", 20)
    x = rows(30).repeat(4, 1)
    k_center(Dense(x), Dense(rows(3, seed=1)), 30)
    assert not caplog.text
    chosen = k_center(Dense(x), Dense(rows(3, seed=1)), 120)
    assert "90 of the 120 chosen points equal others" in caplog.text
    assert sorted(chosen.tolist()) == list(range(120))
    assert sorted((chosen[:30] % 30).tolist()) == list(range(30))


def test_duplicates_are_drawn_at_random():
    """In order, the choice among equal points would be that of the pool's order."""
    x, centers = Dense(rows(30).repeat(4, 1)), Dense(rows(3, seed=1))
    draws = [k_center(x, centers, 50, torch.Generator().manual_seed(seed)) for seed in range(200)]
    assert all(len(chosen.unique()) == 50 for chosen in draws)
    assert all(chosen[:30].equal(draws[0][:30]) for chosen in draws)  # apart: nothing is drawn
    left = [i for i in range(120) if i not in draws[0][:30].tolist()]
    counts = torch.stack(draws)[:, 30:].flatten().bincount(minlength=120)[left]
    assert chisquare(counts.numpy()).pvalue > 1e-3
    again = k_center(x, centers, 50, torch.Generator().manual_seed(0))
    assert again.equal(draws[0])


def test_equal_points_are_still_distinct_choices():
    assert sorted(k_center(Dense(torch.ones(10, 3)), Dense(torch.ones(2, 3)), 10).tolist()) == list(range(10))
    with pytest.raises(ValueError, match="11 of 10"):
        k_center(Dense(torch.ones(10, 3)), Dense(torch.ones(2, 3)), 11)


@pytest.mark.parametrize("front", [1, 20, 8192])
def test_first_bounds_by_cells_change_no_pick(monkeypatch, front):
    monkeypatch.setattr(module, "MANY", 0)
    monkeypatch.setattr(module, "FRONT", front)
    monkeypatch.setattr(cells, "PROBES", 1)
    x, centers = rows(400), rows(150, seed=1)
    assert (Cells(x).nearest(centers)[0].double() > torch.cdist(x.double(), centers.double()).amin(1) ** 2 + 1e-3).any()
    assert k_center(Dense(x), Dense(centers), 90).tolist() == brute_force(x, centers, 90)
