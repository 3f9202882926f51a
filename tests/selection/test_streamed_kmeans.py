import pytest
import torch

from alrun.selection import cells as module
from alrun.selection.cells import Cells
from alrun.selection.nearby_kmeans import nearby_kmeans, nearby_representatives, streamed_kmeans_points
from alrun.selection.points import Dense
from alrun.selection.streamed import Streamed
from alrun.selection.streamed_kmeans import Pass, fill_empty, near_points, streamed_lloyd


def clusters(n: int, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    centers = 5 * torch.randn(12, 4, generator=draws)
    return centers[torch.randint(12, (n,), generator=draws)] + torch.randn(n, 4, generator=draws)


def streamed(x: torch.Tensor, part: int) -> Streamed[Dense]:
    return Streamed(len(x), Dense(x).take, part)


@pytest.mark.parametrize("part", [13, 100, 900])
@pytest.mark.parametrize("nearby", [2, 40])
def test_picks_are_those_of_points_in_memory(part, nearby):
    x = clusters(800)
    draws = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    whole = nearby_kmeans(x, 40, draws[0], nearby, iterations=6)
    assert streamed_kmeans_points(streamed(x, part), 40, draws[1], nearby, 6).equal(
        nearby_representatives(x, whole, nearby)
    )


def test_a_pass_finds_means_distances_and_variance():
    x = clusters(300)
    centers = torch.cat([x[:6], torch.full((1, 4), 1e3)])  # the last one is far from all
    found = Pass(Cells(streamed(x, 37)), centers, 7)
    distances = torch.cdist(x.double(), centers.double())
    assert found.labels.equal(distances.argmin(1))
    assert found.distances.double().allclose(distances.amin(1) ** 2, atol=1e-4)
    expected = [x[found.labels == each].double().mean(0) if each < 6 else centers[6] for each in range(7)]
    assert torch.allclose(found.means().double(), torch.stack([each.double() for each in expected]), atol=1e-5)
    assert found.mean_variance() == pytest.approx(float(x.double().var(0, correction=0).mean()))


def test_each_iteration_is_one_pass(monkeypatch):
    x, seen = clusters(300), []
    points = Streamed(300, lambda index: seen.append(len(x[index])) or Dense(x[index]), 100)
    cells = Cells(points)
    seen.clear()
    streamed_lloyd(cells, x[:5], 5, iterations=3, tolerance=0.0)
    assert len(seen) == 3 * 4  # three parts, the first assignment and three iterations


def test_centers_without_points_take_what_is_left():
    x = clusters(50)
    centers = torch.cat([x[:3], x[:1], x[:1] + 0.01])
    chosen = fill_empty(streamed(x, 8), centers, torch.tensor([0, 1, 2, -1, -1]))
    order = (x - x[0]).square().sum(1).argsort().tolist()
    left = [each for each in order if each not in (0, 1, 2)]
    assert chosen[3].item() == left[0]
    assert chosen[4].item() in left[:2]
    assert len(chosen.unique()) == 5


def test_near_points_are_those_of_all_distances():
    x = clusters(90)
    free = torch.ones(90, dtype=torch.bool)
    free[:20] = False
    centers = x[[0, 5]]
    distances = torch.cdist(centers.double(), x.double())
    distances[:, :20] = torch.inf
    expected = distances.topk(4, largest=False).indices.unique()
    assert near_points(streamed(x, 11), centers, 4, free).equal(expected)


def test_cells_may_be_limited(monkeypatch):
    monkeypatch.setattr(module, "ITERATIONS", 1)
    x = clusters(400)
    assert len(Cells(x).centers) == 40
    assert len(Cells(x, most=15).centers) == 15
    nearest = Cells(x, most=15).nearest(x[:30], least=30)[1]  # compared with all
    assert nearest.equal(torch.cdist(x, x[:30]).argmin(1))
