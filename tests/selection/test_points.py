import pytest
import torch

from alrun.errors import UserError
from alrun.selection import points
from alrun.selection.k_center import k_center
from alrun.selection.points import Dense, Outer, nearest_sqdist, sqdist


def factors(n: int, seed: int = 0, dtype=torch.float32) -> Outer:
    rng = torch.Generator().manual_seed(seed)
    return Outer(torch.randn(n, 4, generator=rng, dtype=dtype), torch.randn(n, 6, generator=rng, dtype=dtype))


def formed(outer: Outer) -> torch.Tensor:
    return (outer.a[:, :, None] * outer.b[:, None, :]).flatten(1)


@pytest.mark.parametrize("kind", ["rows", "factors"])
def test_squared_distances_are_those_of_the_formed_points(kind):
    outer = factors(50)
    matrix = formed(outer).double()
    expected = torch.cdist(matrix, matrix).square()
    both = outer if kind == "factors" else Dense(formed(outer))
    assert torch.allclose(sqdist(both, both.take(slice(3, 20))).double(), expected[:, 3:20], rtol=1e-4, atol=1e-4)
    assert torch.allclose(both.take(torch.tensor([7, 7, 0])).sqnorm.double(), matrix[[7, 7, 0]].square().sum(1))
    assert len(both) == 50


@pytest.mark.parametrize("block", [1, 64, 10_000])
def test_the_nearest_centre_does_not_depend_on_the_size_of_blocks(monkeypatch, block):
    monkeypatch.setitem(points.BLOCK, "cpu", block)
    outer = factors(50)
    matrix = formed(outer).double()
    expected = torch.cdist(matrix, matrix[:9]).square().amin(1)
    assert torch.allclose(nearest_sqdist(outer, outer.take(slice(0, 9))).double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_equal_points_have_no_distance_at_any_scale(dtype, scale):
    outer = factors(200, dtype=dtype)
    outer = Outer(outer.a * scale, outer.b)
    assert (sqdist(outer, outer).diagonal() == 0).all()
    assert (sqdist(outer, outer) > 0).sum() == 200 * 199
    assert (nearest_sqdist(outer, outer.take(torch.arange(199, -1, -1))) == 0).all()


@pytest.mark.parametrize("size", [1e20, 1e30, float("inf"), float("nan")])
def test_distances_that_overflow_are_told_and_never_taken_for_none(size):
    """An infinite length made every distance count as round-off: k-center chose two points again and again."""
    x = torch.tensor([[1.0, 0.0], [0.0, size], [size, 0.0], [2.0, 2.0]])
    for made in (Dense(x), Outer(x, x)):
        with pytest.raises(UserError, match="overflow"):
            nearest_sqdist(made, made.take(torch.tensor([0])))
        with pytest.raises(UserError, match="overflow"):
            k_center(made, made.take(torch.tensor([0])), 3)
