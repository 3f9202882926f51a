import gc

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alrun.selection import points
from alrun.selection.k_center import k_center
from alrun.selection.kmeans import nearest_centers
from alrun.selection.neighbors import nearest_neighbors
from alrun.selection.points import Dense, Outer, nearest_sqdist, sqdist
from alrun.system.errors import UserError


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
def test_the_nearest_center_does_not_depend_on_the_size_of_blocks(monkeypatch, block):
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
def test_distances_that_overflow_are_refused_and_never_count_as_zero(size):
    """An infinite length made every distance count as round-off: k-center chose two points again and again."""
    x = torch.tensor([[1.0, 0.0], [0.0, size], [size, 0.0], [2.0, 2.0]])
    for made in (Dense(x), Outer(x, x)):
        with pytest.raises(UserError, match="overflow"):
            nearest_sqdist(made, made.take(torch.tensor([0])))
        with pytest.raises(UserError, match="overflow"):
            k_center(made, made.take(torch.tensor([0])), 3)


@pytest.mark.parametrize("what", ["nearest distance", "nearest center", "neighbors"])
def test_no_block_leaves_a_tensor_behind(monkeypatch, what):
    """Small ones kept between large ones pin a CPU's heap: 500,000 points to 10,000 centers took 16 GB, not 0.02."""
    monkeypatch.setitem(points.BLOCK, "cpu", 64)
    alive, shifted = [], Dense.shifted

    def counted(self: Dense, other: Dense) -> torch.Tensor:
        alive.append(sum(type(each) is torch.Tensor for each in gc.get_objects()))
        return shifted(self, other)

    monkeypatch.setattr(Dense, "shifted", counted)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    if what == "nearest distance":
        nearest_sqdist(Dense(x), Dense(x[:16]))
    elif what == "nearest center":
        nearest_centers(Dense(x), x[:16])
    else:
        nearest_neighbors(x, x[:16], 3)
    assert len(alive) == 10
    assert alive[-1] <= alive[1]


class Largest(TorchDispatchMode):
    """Bytes of the largest storage that an operation made."""

    def __init__(self, *given: torch.Tensor) -> None:
        super().__init__()
        self.given = {each.untyped_storage().data_ptr() for each in given}
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else (result,):
            if isinstance(each, torch.Tensor) and each.untyped_storage().data_ptr() not in self.given:
                self.bytes = max(self.bytes, each.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("n", [10_000, 20_000])
def test_k_center_makes_no_second_copy_of_its_points(monkeypatch, n):
    monkeypatch.setitem(points.BLOCK, "cpu", 1000)
    monkeypatch.setattr("alrun.selection.k_center.FRONT", 64)
    x = torch.randn(n, 50, generator=torch.Generator().manual_seed(0))
    with Largest(x) as made:
        k_center(Dense(x), Dense(x[:5]), 20)
    assert made.bytes == 8 * n  # an order of the points; they themselves take 200


@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_lengths_do_not_depend_on_the_size_of_blocks(monkeypatch, block):
    monkeypatch.setitem(points.BLOCK, "cpu", block)
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    assert Dense(x).sqnorm.equal(x.square().sum(1))
