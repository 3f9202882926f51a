import math

import pytest
import torch
from torch import nn

from alrun.data.augmentation import CropFlip, NoAugmentation, Normalize
from alrun.models import SmallCnn
from alrun.pool.pool import Pool
from alrun.system.energy import Cost
from alrun.system.errors import UserError
from alrun.training.engine import batches
from alrun.training.optimizer import Optimization, WeightAverage
from alrun.training.position import Position
from alrun.training.stop_rule import StopRule
from alrun.training.subsets.base import Choice, NoSubset
from alrun.training.trainer import Trainer

RULE = StopRule(max_epochs=15, accuracy=0.99, patience=10, min_gain=0.001)
FLAT = [0.5] * 10


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([0.98], None),
        ([0.99], "accuracy"),
        ([0.5, 1.0], "accuracy"),
        (FLAT[:9], None),
        (FLAT, "no_gain"),
        ([0.9 - 0.05 * k for k in range(10)], "no_gain"),  # a steady fall is no gain
        ([0.5] * 9 + [0.501], None),  # exactly the least gain
        ([0.5] * 9 + [0.5009], "no_gain"),
        ([0.4, *FLAT[:9]], None),  # the gain lies within the last ten ...
        ([0.4, *FLAT], "no_gain"),  # ... and here just before them
        ([0.6, 0.3, 0.31] + [0.2] * 7, None),  # a gain over an earlier value, not over the best one
        ([0.5 + 0.0001 * k for k in range(10)], "no_gain"),  # 0.0009 over ten epochs
        ([0.5 + 0.0002 * k for k in range(10)], None),
        ([0.5 + 0.01 * k for k in range(15)], "max_epochs"),
    ],
)
def test_stop_rule(history, reason):
    assert RULE.reason(history) == reason


def test_the_end_of_the_schedule_is_a_reason_where_max_epochs_would_be_one():
    rising = [0.5 + 0.01 * k for k in range(15)]
    assert RULE.reason(rising, is_annealed=True) == "schedule_end"
    assert RULE.reason(rising[:14], is_annealed=True) is None
    assert RULE.reason([*rising[:14], 0.99], is_annealed=True) == "accuracy"


# Rates by the formulas, epoch 20 of 20: cosine over 20 epochs 0, over 25 (1 + cos 144°) / 2 = 9.5 %, over 22
# (1 + cos 163.6°) / 2 = 2 %; one cycle 1 / 250,000; a constant rate 100 %.
@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        (lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=20), "schedule_end"),
        (lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.05, 20, cycle_momentum=False), "schedule_end"),
        (lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=25), "max_epochs"),
        (lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=22), "max_epochs"),
        (None, "max_epochs"),
    ],
    ids=["cosine", "one cycle", "cut short", "cut a little short", "constant"],
)
def test_a_schedule_that_has_annealed_to_its_end_is_distinguished_from_one_that_was_cut_short(schedule, reason):
    pool = problem()
    fit = trainer(pool, epochs=20)
    fit.stop = StopRule(20, None, None, 0.001)
    fit.optimization = Optimization(lambda p: torch.optim.SGD(p, lr=0.05), schedule)
    result = fit.fit(network(), pool, seed=5, round=1, progress=lambda epoch, accuracy: None)
    assert (result.epochs, result.stopped_by) == (20, reason)


def test_averaging_keeps_the_rate_up_so_its_schedule_has_no_end():
    pool = problem()
    fit = trainer(pool, epochs=3)
    fit.stop = StopRule(3, None, None, 0.001)
    fit.optimization = Optimization(
        lambda p: torch.optim.SGD(p, lr=0.05),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=3),
        WeightAverage(0.05, start_accuracy=0.0),
    )
    assert fit.fit(network(), pool, 5, 1, lambda epoch, accuracy: None).stopped_by == "max_epochs"


def brute_force_reason(history):
    last = history[-10:]
    gains = [b - a for i, a in enumerate(last) for b in last[i + 1 :]]
    return "no_gain" if len(last) == 10 and all(gain < 0.001 for gain in gains) else None


def test_no_gain_equals_comparing_all_pairs_of_the_window():
    rng = torch.Generator().manual_seed(1)
    found = set()
    for _ in range(300):
        history = (0.5 + 0.0015 * torch.rand(12, generator=rng).sort(descending=True).values).tolist()
        history[int(torch.randint(12, (), generator=rng))] += 0.0015
        assert RULE.reason(history) == brute_force_reason(history)
        found.add(RULE.reason(history))
    assert found == {None, "no_gain"}


@pytest.mark.parametrize(
    ("count", "expected"), [(5, [5]), (40, [20, 20]), (50, [20, 20, 10]), (41, [20, 21]), (1, [1]), (22, [20, 2])]
)
def test_batches_keep_every_example_and_leave_none_alone(count, expected):
    sizes = [part.stop - part.start for part in batches(count, 20)]
    assert sizes == expected


def problem(n: int = 53, seed: int = 0) -> Pool:
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8, generator=rng)
    labels = (images[:, 0, :4].float().mean((1, 2)) > 127).long()
    pool = Pool(images, labels)
    pool.label(torch.randperm(n, generator=rng)[:47])
    return pool


def trainer(pool: Pool, lr: float = 0.05, epochs: int = 4, augmentation=None, average=None) -> Trainer:
    return Trainer(
        Optimization(
            lambda parameters: torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=5e-4),
            lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
            average,
        ),
        augmentation or NoAugmentation(),
        Normalize([0.5], [0.3], torch.device("cpu")),
        NoSubset(),
        StopRule(epochs, 1.1, 10, 0.0),
        batch_size=20,
        chunk=100,
    )


def network(dtype=torch.float32, dropout: float = 0.0) -> SmallCnn:
    torch.manual_seed(3)
    return SmallCnn(1, (8, 8), 2, width=4, embedding=8, dropout=dropout).to(dtype)


def test_fit_follows_the_textbook_update_in_float64():
    """Momentum, weight decay, cosine rate and batch norm against the formulas, written out on their own."""
    pool = problem()
    torch.set_default_dtype(torch.float64)
    try:
        fitted, reference = network(torch.float64), network(torch.float64)
        fit = trainer(pool, epochs=3)
        fit.normalize = lambda images: images.double() / 255
        seen: list[torch.Tensor] = []
        embed = fitted.embed
        fitted.embed = lambda images: seen.append(images.clone()) or embed(images)
        result = fit.fit(fitted, pool, seed=5, round=1, progress=lambda epoch, accuracy: None)
    finally:
        torch.set_default_dtype(torch.float32)
    assert (result.epochs, result.steps, result.stopped_by) == (3, 9, "schedule_end")
    lookup = {(pool.images[i].double() / 255).numpy().tobytes(): int(pool.labels[i]) for i in range(len(pool.images))}
    velocity = [torch.zeros_like(p) for p in reference.parameters()]
    for step, images in enumerate(seen):
        rate = 0.05 * (1 + math.cos(math.pi * (step // 3) / 3)) / 2
        labels = torch.tensor([lookup[image.numpy().tobytes()] for image in images])
        loss = -reference(images).log_softmax(1)[torch.arange(len(labels)), labels].mean()
        gradients = torch.autograd.grad(loss, list(reference.parameters()))
        with torch.no_grad():
            for p, g, v in zip(reference.parameters(), gradients, velocity, strict=True):
                v.mul_(0.9).add_(g + 5e-4 * p)
                p.sub_(rate * v)
    for (name, ours), expected in zip(fitted.state_dict().items(), reference.state_dict().values(), strict=True):
        assert torch.allclose(ours.double(), expected.double(), rtol=1e-10, atol=1e-12), name
    for epoch in range(3):  # each labeled example once an epoch
        images = torch.cat(seen[3 * epoch : 3 * epoch + 3])
        assert sorted(lookup[i.numpy().tobytes()] for i in images) == sorted(pool.labels[pool.labeled].tolist())


def test_training_depends_on_seed_and_round_alone():
    pool, weights = problem(), []
    for noise, seed in ((0, 1), (99, 1), (0, 2)):
        model = network(dropout=0.3)
        torch.manual_seed(noise)  # what was drawn before must not matter
        trainer(pool, augmentation=CropFlip(2, True)).fit(model, pool, seed, 1, lambda e, a: None)
        weights.append(nn.utils.parameters_to_vector(model.parameters()))
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_a_loss_that_is_not_finite_is_reported_with_round_epoch_and_rate():
    pool = problem()
    with pytest.raises(UserError, match=r"loss is (nan|inf) in round 2, epoch \d, at learning rate .*optimizer.lr"):
        trainer(pool, lr=1e30).fit(network(), pool, 0, 2, lambda e, a: None)


def test_the_averaged_model_is_the_mean_of_the_epochs_from_its_start(monkeypatch):
    pool, model, ends, accuracies = problem(), network(), [], []

    def note(epoch: int, accuracy: float) -> None:
        ends.append([p.detach().clone() for p in model.parameters()])
        accuracies.append(accuracy)

    fit = trainer(pool, epochs=8, average=WeightAverage(lr=0.01, start_accuracy=0.7, anneal_epochs=2))
    rates = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self, *a: (rates.append(self.param_groups[0]["lr"]), step(self, *a))[1]
    )
    result = fit.fit(model, pool, 0, 1, note)
    first = next(epoch for epoch, accuracy in enumerate(accuracies) if accuracy > 0.7)
    assert 0 < first < 5
    for position, parameter in enumerate(model.parameters()):
        expected = torch.stack([weights[position] for weights in ends[first:]]).double().mean(0)
        assert torch.allclose(parameter.double(), expected, atol=1e-6)
    per_epoch = result.steps // result.epochs
    assert rates[per_epoch * first] == pytest.approx(0.05 * (1 + math.cos(math.pi * first / 8)) / 2)
    assert rates[-1] == pytest.approx(0.01)  # annealed


def test_batch_norm_of_the_averaged_model_is_that_of_the_training_images():
    pool, model = problem(), network()
    images = Normalize([0.5], [0.3], torch.device("cpu"))(pool.images[pool.labeled])
    fit = trainer(pool, epochs=6, average=WeightAverage(lr=0.01, start_accuracy=0.0, anneal_epochs=1))
    fit.batch_size = len(pool.labeled)
    fit.fit(model, pool, 0, 1, lambda e, a: None)
    norm, convolution = model.features[1], model.features[0]
    assert torch.allclose(norm.running_mean, convolution(images).mean((0, 2, 3)), atol=1e-5)


def test_without_an_accuracy_that_starts_it_nothing_is_averaged():
    pool, weights = problem(), []
    for average in (None, WeightAverage(lr=0.01, start_accuracy=0.999)):
        model = network()
        result = trainer(pool, epochs=3, average=average).fit(model, pool, 0, 1, lambda e, a: None)
        assert result.accuracy < 0.999
        weights.append(nn.utils.parameters_to_vector(model.parameters()))
    assert weights[0].equal(weights[1])


@pytest.mark.parametrize(("threshold", "restarts"), [(0.0, 0), (0.99, 2)])
def test_training_that_does_not_converge_starts_over_at_every_50th_epoch(threshold, restarts):
    pool, made = problem(), []
    fit = trainer(pool, lr=1e-9, epochs=120)
    fit.stop, fit.restart_below = StopRule(120, 1.1, 1000, 0.0), threshold

    def fresh() -> SmallCnn:
        made.append(SmallCnn(1, (8, 8), 2, width=4, embedding=8))
        return made[-1]

    model = network()
    result = fit.fit(model, pool, 0, 1, lambda e, a: None, fresh)
    assert (result.epochs, result.restarts, len(made)) == (120, restarts, restarts)
    origin = made[-1] if made else network()
    assert torch.allclose(model.head.weight, origin.head.weight, atol=1e-5)


def test_a_checkpoint_holds_the_position_as_plain_values_and_its_cost_includes_this_process(tmp_path):
    at = Position([0.25, 0.5], 8, 3, 1, Cost(10.0, 20.0), Choice(torch.tensor([4, 2]), torch.tensor([0.5, 1.5])))
    torch.save(at.content(spent=Cost(12.0, 24.0)), tmp_path / "training.pt")
    content = torch.load(tmp_path / "training.pt", weights_only=True)
    read = Position.from_content(content)
    assert (read.history, read.steps, read.taken, read.restarts) == ([0.25, 0.5], 8, 3, 1)
    assert read.before == Cost(12.0, 24.0)
    assert read.choice is not None
    assert read.choice.weights is not None
    assert (read.choice.index.tolist(), read.choice.weights.tolist()) == ([4, 2], [0.5, 1.5])
    del content["joules"]  # as the first version wrote it
    assert math.isnan(Position.from_content(content).before.joules)
