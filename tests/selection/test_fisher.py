import numpy as np
import pytest
import torch

from alrun.selection import fisher
from alrun.selection.fisher import Information, bait


def problem(n: int = 25, k: int = 2, r: int = 3, d: int = 4, labeled: int = 5, offset: float = 0.0):
    """Factors as Information takes them, and V_i V_i^T of every point in float64."""
    rng = torch.Generator().manual_seed(0)
    h, s = torch.randn(n + labeled, d, generator=rng) + offset, torch.randn(n + labeled, k, r, generator=rng)
    v = np.einsum("nkr,nd->nkdr", s.double().numpy(), h.double().numpy()).reshape(n + labeled, k * d, r)
    return (h[:n], s[:n], (h[n:], s[n:])), v @ v.transpose(0, 2, 1)


def plain_bait(each: np.ndarray, n: int, size: int) -> list[int]:
    """Greedy selection and pruning by the trace, computed anew for every candidate."""
    whole, start = each.sum(0), each[n:].sum(0) + 0.5 * np.eye(each.shape[1])

    def traces(m: np.ndarray) -> np.ndarray:
        return np.trace(np.linalg.solve(m, np.broadcast_to(whole, m.shape)), axis1=1, axis2=2)

    chosen: list[int] = []
    while len(chosen) < 2 * size:
        values = traces(start + each[chosen].sum(0) + each[:n])
        values[chosen] = np.inf
        chosen.append(int(values.argmin()))
    while len(chosen) > size:
        values = traces(start + each[chosen].sum(0) - each[chosen])
        del chosen[int(values.argmin())]
    return chosen


@pytest.mark.parametrize(("k", "r"), [(2, 3), (1, 1), (3, 3)])
def test_choice_equals_explicit_inverses(k, r):
    given, each = problem(k=k, r=r)
    assert bait(Information(*given, ridge=0.5), 7).tolist() == plain_bait(each, 25, 7)


@pytest.mark.parametrize(("k", "r", "offset"), [(1, 1, 0.0), (1, 1, 3.0), (2, 2, 0.0)])
def test_choice_from_a_shortlist_equals_explicit_inverses(k, r, offset, monkeypatch):
    """Parts, bands and a shortlist that are much smaller than the pool, so that most blocks are cut short."""
    for name, value in {"SHORTLIST": 8, "FIRST": 4, "BLOCK": 8, "PART": 37, "BAND": 5}.items():
        monkeypatch.setattr(fisher, name, value)
    given, each = problem(400, k, r, d=12, offset=offset)
    information = Information(*given, ridge=0.5)
    kept = []
    add = information.add
    monkeypatch.setattr(information, "add", lambda most: kept.append((most, add(most))) or kept[-1][1])
    assert bait(information, 20).tolist() == plain_bait(each, 400, 20)
    assert information.dtype == torch.float32
    assert any(len(added) < most for most, added in kept), "no block was cut short: the test shows nothing"
    assert any(len(added) > 1 for _, added in kept)


def test_promises_that_float32_cannot_keep_are_computed_in_float64(monkeypatch):
    """Points far from the origin, labeled ones near it: what distinguishes candidates is lost in float32."""
    monkeypatch.setattr(fisher, "SHORTLIST", 16)
    given, each = problem(200, 1, 1, d=6, labeled=40, offset=3000.0)
    information = Information(*given, ridge=0.5)
    assert bait(information, 10).tolist() == plain_bait(each, 200, 10)
    assert information.dtype == torch.float64
