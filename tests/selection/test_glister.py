import pytest
import torch
import torch.nn.functional as F

from alrun.selection import points as points_module
from alrun.selection.glister import Validation, glister
from alrun.selection.glister_terms import Coverage, Distance
from alrun.selection.points import Dense, Outer
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, cosine
from alrun.system.errors import UserError

CLASSES, WIDTH = 4, 6


def problem(n: int = 60, m: int = 25, seed: int = 0) -> tuple[Outer, Validation, torch.Tensor]:
    """Gradients of n examples at their predicted labels, m validation examples, and the last layer; float64."""
    rng = torch.Generator().manual_seed(seed)
    weights = torch.randn(CLASSES, WIDTH, generator=rng, dtype=torch.float64)
    embedding = torch.randn(n + m, WIDTH, generator=rng, dtype=torch.float64)
    embedding[:, -1] = 1
    logits = embedding @ weights.T
    residual = logits[:n].softmax(1) - F.one_hot(logits[:n].argmax(1), CLASSES)
    labels = torch.randint(CLASSES, (m,), generator=rng)
    return Outer(residual, embedding[:n]), Validation(logits[n:], embedding[n:], labels), weights


def no_bonus(chosen: list[int]) -> float:
    return 0.0


def brute_force(points, validation, weights, size, lr, refresh=1, bonus=no_bonus) -> list[int]:
    """The formed gradients, the last layer itself, and autograd for the gradient of the validation loss."""
    formed = points.a[:, :, None] * points.b[:, None, :]
    weights, chosen = weights.clone(), []
    while len(chosen) < size:
        weights.requires_grad_()
        loss = F.cross_entropy(validation.embedding @ weights.T, validation.labels)
        (gradient,) = torch.autograd.grad(loss, weights)
        gains = (formed * gradient).sum((1, 2))
        weights = weights.detach().clone()
        for _ in range(min(refresh, size - len(chosen))):
            total = gains + bonus(chosen)
            total[chosen] = -torch.inf
            chosen.append(int(total.argmax()))
            weights -= lr * formed[chosen[-1]]
    return chosen


@pytest.mark.parametrize("lr", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("refresh", [1, 7, 100])
def test_picks_are_those_of_the_formed_gradients_and_stepped_weights(lr, refresh):
    points, validation, weights = problem()
    expected = brute_force(points, validation, weights, 60, lr, refresh)
    assert glister(points, [validation], 60, lr, refresh).tolist() == expected
    assert sorted(expected) == list(range(60))


@pytest.mark.parametrize("refresh", [1, 7])
def test_a_step_before_the_first_pick_moves_the_last_layer(refresh):
    points, validation, weights = problem()
    before = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = brute_force(points, validation, weights - 0.3 * before, 40, 0.3, refresh)
    assert glister(points, [validation], 40, 0.3, refresh, before=before).tolist() == expected
    assert glister(points, [validation], 40, 0.3, refresh).tolist() != expected


def test_the_look_ahead_changes_the_picks():
    points, validation, _ = problem()
    assert glister(points, [validation], 20, 1.0).tolist() != glister(points, [validation], 20, 1.0, 20).tolist()


@pytest.mark.parametrize("block", [1, 30, 10_000])
def test_validation_examples_may_come_in_parts_and_blocks_and_stay_as_they_are(monkeypatch, block):
    monkeypatch.setitem(points_module.BLOCK, "cpu", block)
    points, validation, weights = problem()
    parts = [
        Validation(validation.logits[part], validation.embedding[part], validation.labels[part])
        for part in (slice(0, 4), slice(4, 25))
    ]
    before = validation.logits.clone()
    assert glister(points, parts, 30, 0.5).tolist() == brute_force(points, validation, weights, 30, 0.5)
    assert validation.logits.equal(before)


def test_a_pick_lowers_the_validation_loss_by_its_gain_to_first_order():
    points, validation, weights = problem()
    best = int(glister(points, [validation], 1, 0.1))
    losses = []
    for i in range(60):
        after = weights - 1e-5 * torch.outer(points.a[i], points.b[i])
        losses.append(F.cross_entropy(validation.embedding @ after.T, validation.labels))
    assert int(torch.stack(losses).argmin()) == best


@pytest.mark.parametrize("refresh", [1, 5])
def test_the_distance_term_adds_the_distance_to_the_nearest_pick(refresh):
    points, validation, weights = problem()
    formed = (points.a[:, :, None] * points.b[:, None, :]).flatten(1)

    def bonus(chosen: list[int]):
        return 0.3 * torch.cdist(formed, formed[chosen]).amin(1) if chosen else 0.0

    got = glister(points, [validation], 40, 0.1, refresh, Distance(points, 0.3)).tolist()
    assert got == brute_force(points, validation, weights, 40, 0.1, refresh, bonus)
    assert got != glister(points, [validation], 40, 0.1, refresh).tolist()


@pytest.mark.parametrize("refresh", [1, 5])
def test_the_coverage_term_adds_the_growth_of_the_mean_similarity(monkeypatch, refresh):
    monkeypatch.setattr("alrun.selection.glister_terms.CANDIDATES", 3)
    points, validation, weights = problem()
    rows = Dense(points.b[:, :-1].float()).normalized()
    similarity = cosine(rows, rows).double()

    def bonus(chosen: list[int]):
        covered = similarity[chosen].amax(0) if chosen else torch.zeros(60)
        return 5 * (similarity - covered).clamp_min(0).mean(1)

    term = Coverage(FacilityLocation(Similarity(rows, rows, cosine, 1e9)), 5)
    got = glister(points, [validation], 40, 0.1, refresh, term).tolist()
    assert got == brute_force(points, validation, weights, 40, 0.1, refresh, bonus)
    assert got != glister(points, [validation], 40, 0.1, refresh).tolist()


def test_equal_points_come_in_order_and_once_each():
    points, validation, _ = problem()
    same = Outer(points.a[:1].expand(10, -1).contiguous(), points.b[:1].expand(10, -1).contiguous())
    assert glister(same, [validation], 10, 0.1, 10).tolist() == list(range(10))
    assert sorted(glister(same, [validation], 10, 0.1, term=Distance(same, 0.1)).tolist()) == list(range(10))


def test_steps_that_overflow_and_sizes_that_cannot_be_chosen_are_refused():
    points, validation, _ = problem()
    with pytest.raises(UserError, match=r"lower strategy\.lr"):
        glister(points, [validation], 5, 1e308)
    with pytest.raises(ValueError, match="61 of 60"):
        glister(points, [validation], 61, 0.1)
    with pytest.raises(ValueError, match="refresh=0"):
        glister(points, [validation], 6, 0.1, 0)
    with pytest.raises(ValueError, match="no validation"):
        glister(points, [], 6, 0.1)
