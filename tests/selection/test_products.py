"""Matrix products by both libraries, against float64."""

import pytest
import torch

from alrun.selection import products as module
from alrun.selection.points import Dense, sqdist
from alrun.selection.products import Repeated, products


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[True, False], ids=["convolved", "multiplied"])
def library(request, monkeypatch, threads):
    monkeypatch.setattr(module, "convolving_is_faster", lambda: request.param)
    return request.param


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("n", "m", "d"), [(1, 8, 64), (300, 200, 512), (30, 240, 65), (17, 5, 100), (5, 90, 64)])
@pytest.mark.parametrize("shifted", [True, False])
def test_products_equal_those_in_float64(library, n, m, d, shifted):
    rows, columns, offset = drawn(n, d), drawn(m, d), drawn(m) if shifted else None
    exact = rows.double() @ columns.double().T + (0 if offset is None else offset.double())
    found = products(rows, columns, offset)
    assert found.shape == (n, m)
    assert found.is_contiguous()
    assert torch.allclose(found.double(), exact, rtol=0, atol=1e-5 * d**0.5)


def test_rows_may_lie_anywhere_and_stay_as_they_are(library):
    stored = drawn(128, 200)
    rows, columns = stored.T[::2], stored.T[100:]  # strided, and neither contiguous
    kept = stored.clone()
    found = products(rows, columns)
    found.add_(1)
    assert torch.allclose(found.double(), rows.double() @ columns.double().T + 1, rtol=0, atol=1e-4)
    assert stored.equal(kept)


@pytest.mark.parametrize("d", [64, 256, 512, 1024, 4096])
def test_equal_points_are_at_no_distance(library, d):
    points = Dense(10 * drawn(50, d)[torch.arange(200) % 50])
    distance = sqdist(points, points)
    same = torch.arange(200)[:, None] % 50 == torch.arange(200) % 50
    assert (distance[same] == 0).all()
    assert (distance[~same] > 1000).all()


def test_other_types_of_numbers_are_multiplied(library):
    rows = drawn(20, 64).double()
    assert torch.allclose(products(rows, rows), rows @ rows.T)
    assert products(rows, rows).dtype == torch.float64


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_convolutions_are_those_of_onednn_whatever_the_threads(threads, monkeypatch):
    monkeypatch.setattr(module, "convolving_is_faster", lambda: True)
    rows = drawn(400, 64)  # torch multiplies fewer numbers itself
    with torch.profiler.profile() as profile:
        products(rows, rows)
    assert "aten::mkldnn_convolution" in {event.name for event in profile.events() or []}


@pytest.mark.parametrize(("n", "d", "m"), [(400, 65, 10), (90, 300, 8), (500, 70, 2)])
def test_repeated_products_equal_those_in_float64(library, n, d, m):
    rows, columns, weights = drawn(n, d), drawn(m, d), drawn(n, m)
    matrix, exact = Repeated(rows), rows.double()
    positive = weights[:, :1].square()
    for found, expected in (
        (matrix.times(columns), exact @ columns.double().T),
        (matrix.sums(weights), weights.double().T @ exact),
        (matrix.squares(positive), (exact * positive.double()).T @ exact),
    ):
        assert found.shape == expected.shape
        assert torch.allclose(found.double(), expected, rtol=0, atol=2e-6 * float(expected.abs().max()))
