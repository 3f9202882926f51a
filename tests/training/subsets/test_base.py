"""Data subset selection against brute force on gradients that autograd formed one by one, in float64."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from scipy.optimize import nnls

from alrun.models import SmallCnn
from alrun.pool.pool import Pool
from alrun.settings import factory
from alrun.system import rng
from alrun.system.errors import UserError
from alrun.training.subsets.base import Choice, Epoch
from alrun.training.subsets.craig import Craig
from alrun.training.subsets.glister import Glister
from alrun.training.subsets.grad_match import GradMatch
from alrun.training.subsets.random import Random


def make_epoch(number: int = 0, round: int = 1, last: bool = False, seed: int = 0, count: int = 43) -> Epoch:
    draws = torch.Generator().manual_seed(seed)
    pool = Pool(
        torch.randint(256, (60, 1, 8, 8), dtype=torch.uint8, generator=draws),
        torch.randint(3, (60,), generator=draws),
    )
    pool.label(torch.randperm(60, generator=draws)[:count])
    torch.manual_seed(seed)
    model = SmallCnn(1, (8, 8), 3, width=4, embedding=32).double()
    generator = rng.generator(seed, "dss", round, number)
    return Epoch(number, round, last, model, pool, lambda images: images.double() / 255, 5, 16, generator)


def gradients(epoch: Epoch) -> np.ndarray:
    """By the last layer's weights and bias, a row per labeled example."""
    model, rows = epoch.model.eval(), []
    for index in epoch.pool.labeled.tolist():
        logits = model(epoch.normalize(epoch.pool.images[index : index + 1]))
        loss = F.cross_entropy(logits, epoch.pool.labels[index : index + 1])
        weight, bias = torch.autograd.grad(loss, [model.head.weight, model.head.bias])
        rows.append(torch.cat([weight, bias[:, None]], 1).flatten())
    model.train()
    return torch.stack(rows).numpy()


def pursuit(rows: np.ndarray, size: int) -> dict[int, float]:
    """Weights of the chosen rows, solved for by scipy after every choice."""
    target, weight = rows.sum(0), {}
    while len(weight) < size:
        gains = rows @ (target - sum((w * rows[i] for i, w in weight.items()), np.zeros(rows.shape[1])))
        gains[list(weight)] = -np.inf
        chosen = [*weight, int(gains.argmax())]
        weight = {i: w for i, w in zip(chosen, nnls(rows[chosen].T, target)[0], strict=True) if w > 0}
    return weight


def compare(choice: Choice, epoch: Epoch, weight: dict[int, float]) -> None:
    """``weight`` by position in the labeled set, as the pursuit has it: the losses are multiplied by it."""
    assert choice.weights is not None
    got = dict(zip(choice.index.tolist(), choice.weights.tolist(), strict=True))
    expected = {int(epoch.pool.labeled[position]): w for position, w in weight.items()}
    assert got == pytest.approx(expected, rel=1e-5)
    assert sum(got.values()) > 1.3 * len(got)  # so steps are longer than without weights


def test_grad_match_of_single_examples():
    epoch = make_epoch()
    compare(GradMatch(per="example", fraction=0.3).choose(epoch), epoch, pursuit(gradients(epoch), 13))


def test_grad_match_of_every_class_by_itself():
    epoch = make_epoch()
    formed, labels, weight = gradients(epoch), epoch.labels.numpy(), {}
    for label in range(3):
        members = np.flatnonzero(labels == label)
        among = pursuit(formed[members], round(0.3 * len(members)))
        weight |= {int(members[position]): w for position, w in among.items()}
    compare(GradMatch(per="class", fraction=0.3).choose(epoch), epoch, weight)


def test_grad_match_of_batches_weighs_all_examples_of_a_batch_alike():
    epoch = make_epoch(count=40)
    order = torch.randperm(40, generator=rng.generator(0, "dss", 1, 0)).numpy().reshape(8, 5)
    among = pursuit(gradients(epoch)[order].sum(1), 2)
    weight = {int(position): w for batch, w in among.items() for position in order[batch]}
    compare(GradMatch(per="batch", fraction=0.3).choose(epoch), epoch, weight)


def test_where_fewer_match_the_gradient_the_rest_is_drawn_at_the_mean_weight():
    epoch = make_epoch()
    epoch.pool.images[:] = epoch.pool.images[0].clone()
    epoch.pool.labels[:] = 1
    choice = GradMatch(per="example", fraction=0.3).choose(epoch)
    assert len(choice.index.unique()) == 13
    assert choice.weights is not None
    assert torch.allclose(choice.weights, torch.full((13,), 43.0))  # the one that matches 43 like it, and its copies


def test_craig_takes_medoids_of_every_class_that_weigh_what_they_stand_for():
    """Of two examples that stand for one another, either is as good: costs are compared, not picks."""
    epoch = make_epoch()
    choice = Craig(fraction=0.3).choose(epoch)
    formed, labels = gradients(epoch), epoch.labels.numpy()
    taken, counts = [], []
    for label in range(3):
        members = np.flatnonzero(labels == label)
        distance = np.linalg.norm(formed[members][:, None] - formed[members], axis=2)
        chosen: list[int] = []
        for _ in range(round(0.3 * len(members))):
            cost = [np.inf if i in chosen else distance[:, [*chosen, i]].min(1).sum() for i in range(len(members))]
            chosen.append(int(np.argmin(cost)))
        pool_index = epoch.pool.labeled[members]
        ours = [int((pool_index == i).nonzero()) for i in choice.index if i in pool_index]
        assert len(ours) == len(chosen)
        assert distance[:, ours].min(1).sum() == pytest.approx(distance[:, chosen].min(1).sum(), rel=1e-9)
        taken += [int(i) for i in pool_index[ours]]
        counts += np.bincount(distance[:, ours].argmin(1), minlength=len(ours)).tolist()
    assert taken == choice.index.tolist()
    assert choice.weights is not None
    assert choice.weights.tolist() == pytest.approx(counts)


def test_glister_takes_steps_that_lower_the_loss_of_the_labeled_set():
    epoch = make_epoch()
    formed, chosen = torch.from_numpy(gradients(epoch)), []
    with torch.no_grad():
        embedding = epoch.model.eval().embed(epoch.normalize(epoch.pool.images[epoch.pool.labeled]))
    epoch.model.train()
    inputs = F.pad(embedding, (0, 1), value=1.0)
    head = torch.cat([epoch.model.head.weight, epoch.model.head.bias[:, None]], 1).detach()
    for _ in range(13):
        head.requires_grad_()
        slope = torch.autograd.grad(F.cross_entropy(inputs @ head.T, epoch.labels), head)[0]
        gains = formed @ slope.flatten()
        gains[chosen] = -torch.inf
        chosen.append(int(gains.argmax()))
        head = (head - 0.5 * formed[chosen[-1]].view_as(head)).detach()
    choice = Glister(lr=0.5, refresh_every=1, fraction=0.3).choose(epoch)
    assert choice.weights is None
    assert choice.index.tolist() == epoch.pool.labeled[chosen].tolist()


def test_random_is_drawn_again_at_every_selection():
    subset = Random(fraction=0.3, every=2)
    choices, previous = [], None
    for number in range(4):
        previous = subset.choose(replace(make_epoch(number), previous=previous))
        choices.append(previous.index)
    assert choices[0].equal(choices[1])
    assert choices[2].equal(choices[3])
    assert not choices[0].equal(choices[2])
    assert len(choices[0].unique()) == 13
    assert set(choices[0].tolist()) <= set(make_epoch().pool.labeled.tolist())


@pytest.mark.parametrize(("round", "last", "size"), [(0, False, 43), (1, False, 13), (3, False, 43), (4, True, 43)])
def test_every_third_round_and_the_last_one_train_in_full(round, last, size):
    choice = Random().choose(make_epoch(round=round, last=last))
    assert len(choice.index) == size
    assert choice.weights is None


def test_a_choice_leaves_the_model_as_it_was():
    epoch = make_epoch()
    before = {name: tensor.clone() for name, tensor in epoch.model.state_dict().items()}
    GradMatch().choose(epoch)
    assert epoch.model.training
    assert all(tensor.equal(before[name]) for name, tensor in epoch.model.state_dict().items())


@pytest.mark.parametrize("given", [{"fraction": 0.0}, {"fraction": 1.5}, {"every": 0}, {"full_every": 0}])
def test_settings_out_of_range_are_refused(given):
    with pytest.raises(UserError, match=f"dss.{next(iter(given))}="):
        factory.build(OmegaConf.create({"_target_": "alrun.training.subsets.random.Random", **given}), "dss")


@pytest.mark.parametrize("option", ["random", "craig", "glister", "grad_match", "grad_match dss.per=class"])
def test_a_run_trains_on_the_part_and_on_everything_in_its_turn(complete, option):
    folder = complete(f"dss={option.split()[0]}", *option.split()[1:], "budget.total=80", "training.max_epochs=2")
    table = pd.read_csv(folder / "accuracy.csv")
    per_epoch = (table.steps / table.epochs).tolist()
    assert per_epoch[0] == 1
    assert per_epoch[1] < 2  # about 12 of 40 labels
    assert per_epoch[2] < 3
    assert per_epoch[3] == 4
