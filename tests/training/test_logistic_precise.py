"""The objective in float64 throughout, against the ordinary one where both have all digits."""

import torch

from alrun.training.logistic_precise import Precise
from alrun.training.logistic_problem import Problem


def test_it_is_the_same_objective_with_the_same_derivatives():
    draws = torch.Generator().manual_seed(0)
    features, labels = torch.randn(50, 4, generator=draws), torch.arange(50) % 3
    weights = torch.rand(50, generator=draws, dtype=torch.float64)
    theta = torch.randn(3, 5, generator=draws, dtype=torch.float64)
    direction = torch.randn(3, 5, generator=draws, dtype=torch.float64)
    made = []
    for kind, digits in ((Problem, torch.float32), (Precise, torch.float64)):
        problem = kind(features, labels, 3, 2.0, 1.0, weights)
        logits = problem.logits(theta, torch.float64)
        probs = logits.softmax(1)
        value = torch.tensor(problem.objective(theta, logits), dtype=torch.float64)
        gradient = problem.gradient(theta, probs, torch.float64)
        product = problem.curvature(probs)(direction.to(digits)).double()
        made.append([value, gradient, product, problem.inverse(probs).double()])
    for ours, theirs in zip(*made, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    exact = Precise(features, labels, 3, 2.0, 1.0, weights)
    given = theta.clone().requires_grad_()
    logits = exact.exact @ given.T
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    (2.0 * (weights * losses).sum() + 0.5 * (exact.ridge * given.square()).sum()).backward()
    torch.testing.assert_close(made[1][1], given.grad)


def test_losses_that_are_almost_nothing_keep_their_digits():
    features, labels = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    problem = Precise(features, labels, 2, 1.0, 0.0, None)
    theta = torch.tensor([[-40.0, 0.0], [40.0, 0.0]], dtype=torch.float64)
    logits = problem.logits(theta, torch.float64)
    expected = 2 * torch.exp(torch.tensor(-80.0, dtype=torch.float64))
    assert abs(problem.objective(theta, logits) / float(expected) - 1) < 1e-6
