import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from alrun.selection import joint_entropy
from alrun.selection.joint_entropy import Joint, batch_bald


def passes(n: int = 8, classes: int = 3, samples: int = 6, sharp: float = 2.0) -> Tensor:
    logits = sharp * torch.randn(samples, n, classes, generator=torch.Generator().manual_seed(n))
    return logits.log_softmax(2)


def entropy_of_labels(probs: np.ndarray, chosen: tuple[int, ...]) -> float:
    """Summed over all configurations, in float64."""
    total = 0.0
    for labels in itertools.product(range(probs.shape[2]), repeat=len(chosen)):
        p = np.prod([probs[:, i, c] for i, c in zip(chosen, labels, strict=True)], axis=0).mean()
        total -= p * np.log(p)
    return total


def information(probs: np.ndarray, chosen: tuple[int, ...]) -> float:
    conditional = -(probs[:, chosen] * np.log(probs[:, chosen])).sum(2).mean(0).sum()
    return entropy_of_labels(probs, chosen) - conditional


def test_exact_choice_maximizes_the_information_step_by_step():
    log_probs = passes()
    probs, chosen = log_probs.double().exp().numpy(), ()
    for _ in range(4):
        options = [i for i in range(8) if i not in chosen]
        chosen += (max(options, key=lambda i: information(probs, (*chosen, i))),)
    found = batch_bald(log_probs, 4, torch.Generator().manual_seed(0), exact_configurations=10_000)
    assert tuple(found.tolist()) == chosen


@pytest.mark.parametrize("sampled", [False, True])
def test_joint_entropies_equal_the_sum_over_all_configurations(sampled):
    log_probs = passes()
    probs = log_probs.exp()
    rng = torch.Generator().manual_seed(1)
    if sampled:
        joint = Joint.sampled(probs[:, [2, 5, 1]], 60_000, rng)
    else:
        joint = Joint(len(probs), probs.device)
        for position in (2, 5, 1):
            joint.add(probs[:, position], rng)
    expected = [entropy_of_labels(probs.double().numpy(), (2, 5, 1, i)) for i in range(8)]
    assert np.allclose(joint.entropies(probs).numpy(), expected, rtol=0.01 if sampled else 1e-5)


def test_long_products_do_not_underflow():
    log_probs = passes(n=60, classes=4, sharp=0.1)
    probs = log_probs.exp()
    joint = Joint.sampled(probs[:, :50].repeat(1, 4, 1), 200, torch.Generator().manual_seed(0))  # 4^-200 = 1e-120
    entropies = joint.entropies(probs)
    assert entropies.isfinite().all()
    assert (entropies > 200 * np.log(4) * 0.95).all()
    assert (entropies < 201 * np.log(4) * 1.001).all()


def test_all_examples_can_be_chosen_and_extreme_logits_stay_finite():
    log_probs = (1e4 * torch.randn(3, 12, 4, generator=torch.Generator().manual_seed(0))).log_softmax(2)
    chosen = batch_bald(log_probs, 12, torch.Generator().manual_seed(0), exact_configurations=20, samples=30)
    assert sorted(chosen.tolist()) == list(range(12))


def test_what_bounds_leave_out_would_not_have_been_chosen(monkeypatch):
    """Ten heads that agree on most of 3,000 examples: every pick is that of a search among all, in float64."""
    monkeypatch.setattr(joint_entropy, "CHECKED", 64)
    draws = torch.Generator().manual_seed(3)
    shared = 3 * torch.randn(1, 3000, 4, generator=draws)
    log_probs = (shared + torch.randn(10, 3000, 4, generator=draws)).log_softmax(2)
    probs, evaluated = log_probs.exp(), []
    exact = Joint.entropies
    monkeypatch.setattr(Joint, "entropies", lambda joint, some: evaluated.append(some.shape[1]) or exact(joint, some))
    chosen = batch_bald(log_probs, 25, torch.Generator().manual_seed(0), exact_configurations=4, samples=300)
    assert sum(evaluated[2:]) < 0.5 * 23 * 3000, "too few are left out for this to be a test"
    rng, joint = torch.Generator().manual_seed(0), Joint(10, probs.device)
    wide = probs.double()
    conditional = -(wide * wide.log()).sum(2).mean(0)
    taken: list[int] = []
    for pick in chosen.tolist():
        if not joint.exact:
            given = joint.given.double()
            p = torch.einsum("kt,tnc->knc", given / given.sum(1, keepdim=True), wide)
            entropies = -(p * p.log()).sum(2).mean(0)
            offset = ((given.sum(1) / 10).log() + joint.log_factor).mean()
            assert (joint.entropy_bounds(probs) + offset - entropies).min() > -1e-5
            gains = entropies - conditional
            gains[taken] = -torch.inf
            assert gains[pick] > gains.max() - 1e-6
        taken.append(pick)
        if joint.exact and len(joint.given) * 4 > 4:
            joint = Joint.sampled(probs[:, taken], 300, rng)
        else:
            joint.add(probs[:, pick], rng)
