import numpy as np
import pytest
import torch

from alrun.selection.fisher import Information, bait


def problem(n: int = 25, k: int = 2, r: int = 3, d: int = 4, labeled: int = 5):
    rng = torch.Generator().manual_seed(0)
    h, s = torch.randn(n + labeled, d, generator=rng), torch.randn(n + labeled, k, r, generator=rng)
    return (h[:n], s[:n], (h[n:], s[n:])), h.double().numpy(), s.double().numpy()


def formed(h: np.ndarray, s: np.ndarray) -> np.ndarray:
    """V_i V_i^T of every point."""
    v = np.einsum("nkr,nd->nkdr", s, h).reshape(len(h), -1, s.shape[2])
    return v @ v.transpose(0, 2, 1)


@pytest.mark.parametrize(("k", "r"), [(2, 3), (1, 1), (3, 3)])
def test_choice_equals_explicit_inverses(k, r):
    given, h, s = problem(k=k, r=r)
    each = formed(h, s)
    fisher, start = each.sum(0), each[25:].sum(0) + 0.5 * np.eye(each.shape[1])

    def objective(chosen: list[int]) -> float:
        return np.trace(np.linalg.inv(start + each[chosen].sum(0)) @ fisher)

    chosen: list[int] = []
    while len(chosen) < 14:
        chosen.append(min((i for i in range(25) if i not in chosen), key=lambda i: objective([*chosen, i])))
    while len(chosen) > 7:
        chosen.remove(min(chosen, key=lambda i: objective([j for j in chosen if j != i])))
    assert bait(Information(*given, ridge=0.5), 7).tolist() == chosen


def test_changes_of_the_objective_stay_exact_over_additions_and_removals():
    given, h, s = problem()
    each = formed(h, s)
    information = Information(*given, ridge=0.5)
    m, fisher = each[25:].sum(0) + 0.5 * np.eye(8), each.sum(0)
    added: list[int] = []
    for position, sign in [*((i, 1) for i in range(0, 25, 2)), *((i, -1) for i in range(0, 20, 4))]:
        information.change(position, sign)
        m = m + sign * each[position]
        added = [*added, position] if sign > 0 else [i for i in added if i != position]
        before = np.trace(np.linalg.inv(m) @ fisher)
        gains = [before - np.trace(np.linalg.inv(m + v) @ fisher) for v in each[:25]]
        losses = [np.trace(np.linalg.inv(m - each[i]) @ fisher) - before for i in added]
        assert np.allclose(information.reduction(1).numpy(), gains)
        assert np.allclose(information.reduction(-1)[added].numpy(), losses)
