"""Points that are read part by part: the same picks as from points in memory."""

import pytest
import torch

from alrun.selection.k_center import k_center
from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.points import Dense, Outer, nearest_sqdist
from alrun.selection.streamed import Streamed

COUNT = 230


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


POINTS = {
    "matrix": Dense(rows(COUNT, 5, 0)),
    "factors": Outer(rows(COUNT, 3, 1), rows(COUNT, 4, 2)),
    "repeated": Dense(rows(COUNT // 5, 4, 3).repeat(5, 1)),
}


def streamed(points, part: int, largest: list[int] | None = None) -> Streamed:
    def read(index):
        some = points.take(index)
        if largest is not None:
            largest.append(len(some))
        return type(some)(*(getattr(some, name).clone() for name in type(some).__dataclass_fields__))

    return Streamed(len(points), read, part)


@pytest.fixture(params=POINTS)
def points(request):
    return POINTS[request.param]


@pytest.mark.parametrize("part", [1, 7, 64, COUNT, 1000])
def test_picks_are_those_of_points_in_memory(points, part):
    some = streamed(points, part)
    centers = points.take(torch.arange(0, COUNT, 17))
    draws = [torch.Generator().manual_seed(9) for _ in range(4)]
    assert k_center(some, centers, 60, draws[0]).equal(k_center(points, centers, 60, draws[1]))
    assert kmeans_plus_plus(some, 60, draws[2]).equal(kmeans_plus_plus(points, 60, draws[3]))


def test_lengths_distances_and_directions_are_those_of_points_in_memory(points):
    some, others = streamed(points, 16), points.take(slice(3, 9))
    assert some.sqnorm.allclose(points.sqnorm)
    assert nearest_sqdist(some, others).allclose(nearest_sqdist(points, others), atol=1e-5)
    assert some.shifted(others).allclose(points.shifted(others), atol=1e-5)
    assert some.inner(others).allclose(points.inner(others), atol=1e-5)
    assert some.normalized().sqnorm.allclose(torch.ones(COUNT))
    assert some.take(torch.tensor([200, 3, 3])).sqnorm.allclose(points.sqnorm[[200, 3, 3]])


def test_no_more_than_a_part_or_what_is_asked_for_is_in_memory(points):
    largest: list[int] = []
    k_center(streamed(points, 16, largest), points.take(slice(0, 5)), 10)
    passes = [count for count in largest if count == 16]
    assert len(passes) == 2 * (COUNT // 16)  # lengths, and distances to the centers
    assert max(largest) <= COUNT


def test_a_pool_of_nothing_has_one_empty_part():
    assert [part for part in Streamed(0, Dense(rows(0, 2, 0)).take, 4).parts()] == [slice(0, 0)]
