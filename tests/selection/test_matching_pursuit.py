import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from sklearn.linear_model import orthogonal_mp

from alrun.selection.matching_pursuit import Support, matching_pursuit
from alrun.selection.points import Dense, Outer
from alrun.system.errors import UserError


def rows(n: int, d: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ridge(chosen: np.ndarray, target: np.ndarray, lam: float) -> np.ndarray:
    """Weights of the rows of ``chosen``, by least squares."""
    stacked = np.vstack([chosen.T, np.sqrt(lam) * np.eye(len(chosen))])
    return np.linalg.lstsq(stacked, np.append(target, np.zeros(len(chosen))), rcond=None)[0]


def nonnegative_ridge(chosen: np.ndarray, target: np.ndarray, lam: float) -> np.ndarray:
    """The same with non-negative weights."""
    stacked = np.vstack([chosen.T, np.sqrt(lam) * np.eye(len(chosen))])
    return nnls(stacked, np.append(target, np.zeros(len(chosen))))[0]


def brute_force(x: np.ndarray, target: np.ndarray, size: int, lam: float) -> tuple[list[int], np.ndarray]:
    """Pursuit with the weights solved for from nothing each time; points of weight 0 leave."""
    chosen, weight = [], np.zeros(0)
    while len(chosen) < size:
        gains = x @ (target - weight @ x[chosen])
        gains[chosen] = -np.inf
        if gains.max() <= 1e-12:
            break
        chosen.append(int(gains.argmax()))
        weight = nonnegative_ridge(x[chosen], target, lam)
        chosen = [position for position, w in zip(chosen, weight, strict=True) if w > 0]
        weight = weight[weight > 0]
    return chosen, weight


@pytest.mark.parametrize("lam", [0.0, 0.5, 5.0])
@pytest.mark.parametrize(("n", "d", "size"), [(60, 100, 20), (60, 12, 8), (200, 40, 25)])
def test_support_and_weights_are_those_of_solving_again_for_every_point(lam, n, d, size):
    x, target = rows(n, d), rows(1, d, seed=1)[0]
    expected, weight = brute_force(x.numpy(), target.numpy(), size, lam)
    position, got = matching_pursuit(Dense(x), target, size, lam, 0.0)
    dense = np.zeros(n)
    dense[expected] = weight
    assert sorted(position.tolist()) == sorted(expected)
    assert np.allclose(got.numpy(), dense[position], atol=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_without_a_limit_the_weights_are_those_of_nonnegative_least_squares(lam, seed):
    x, target = rows(80, 20, seed), rows(1, 20, seed + 50)[0]
    expected = nonnegative_ridge(x.numpy(), target.numpy(), lam)
    position, weight = matching_pursuit(Dense(x), target, 80, lam, 0.0)
    got = np.zeros(80)
    got[position] = weight
    assert np.allclose(got, expected, atol=1e-9)
    assert (weight > 0).all()


def test_points_leave_on_the_way(monkeypatch):
    left = []
    monkeypatch.setattr(
        Support, "leave", lambda self, slot, leave=Support.leave: (left.append(slot), leave(self, slot))
    )
    x, target = rows(80, 20), rows(1, 20, 50)[0]
    matching_pursuit(Dense(x), target, 80, 0.5, 0.0)
    assert len(left) >= 3


@pytest.mark.parametrize("size", [1, 5, 15])
def test_without_ridge_and_signs_it_is_orthogonal_matching_pursuit(size):
    x, target = rows(50, 20), rows(1, 20, seed=1)[0]
    x /= x.norm(dim=1, keepdim=True)
    expected = orthogonal_mp(x.T.numpy(), target.numpy(), n_nonzero_coefs=size)
    position, weight = matching_pursuit(Dense(x), target, size, 0.0, 0.0, nonnegative=False)
    got = np.zeros(50)
    got[position] = weight
    assert np.allclose(got, expected, atol=1e-9)
    assert size < 5 or (weight < 0).any()


def test_signed_weights_with_a_ridge_are_the_least_squares_solution():
    x, target = rows(50, 20), rows(1, 20, seed=1)[0]
    position, weight = matching_pursuit(Dense(x), target, 12, 0.7, 0.0, nonnegative=False)
    assert np.allclose(weight, ridge(x[position].numpy(), target.numpy(), 0.7), atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factors_are_pursued_as_the_formed_points(dtype):
    a, b = rows(300, 4, dtype=dtype), rows(300, 7, 1, dtype)
    formed = (a[:, :, None] * b[:, None, :]).flatten(1)
    target = formed[::3].sum(0)
    position, weight = matching_pursuit(Outer(a, b), target.view(4, 7), 20)
    expected, solved = brute_force(formed.double().numpy(), target.double().numpy(), 20, 0.5)
    assert set(position.tolist()) == set(expected)
    residual = target.double() - weight @ formed[position].double()
    wanted = target.double().numpy() - solved @ formed[expected].double().numpy()
    assert abs(residual.norm() - np.linalg.norm(wanted)) <= 1e-4 * target.norm()


def test_it_ends_where_the_target_is_met():
    x = rows(40, 30)
    position, weight = matching_pursuit(Dense(x), 2.0 * x[7] + 0.0, 40, 0.0, 1e-4)
    assert position.tolist() == [7]
    assert np.allclose(weight, 2)
    assert len(matching_pursuit(Dense(x), torch.zeros(30, dtype=torch.float64), 40)[0]) == 0


def test_it_ends_where_no_point_helps():
    x = rows(40, 5).abs()
    assert len(matching_pursuit(Dense(x), -torch.ones(5, dtype=torch.float64), 40)[0]) == 0


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize("nonnegative", [True, False])
def test_points_that_repeat_are_chosen_once_each_and_weights_stay_finite(lam, nonnegative):
    x = rows(10, 30, dtype=torch.float32).repeat(4, 1)
    position, weight = matching_pursuit(Dense(x), x.sum(0), 40, lam, 0.0, nonnegative)
    assert len(position.unique()) == len(position) >= 10
    assert weight.isfinite().all()
    assert weight.abs().max() < 10


def test_equal_gains_go_to_the_lower_position():
    x = torch.eye(6, dtype=torch.float64)
    assert matching_pursuit(Dense(x), torch.ones(6, dtype=torch.float64), 4)[0].tolist() == [0, 1, 2, 3]


def test_misuse_and_overflow_are_refused():
    x = rows(10, 5)
    with pytest.raises(ValueError, match="11 of 10"):
        matching_pursuit(Dense(x), x[0], 11)
    with pytest.raises(ValueError, match="lam=-1"):
        matching_pursuit(Dense(x), x[0], 1, -1)
    with pytest.raises(UserError, match="overflow"):
        matching_pursuit(Dense(x * 1e200), x[0] * 1e200, 1)
