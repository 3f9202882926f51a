"""Strategies that train networks of their own, against the same training written out in float64.

The references share nothing with the strategies but the first weights and the random numbers: gradients of the layers
are NumPy's by hand where the network is made of layers, autograd's in float64 where it convolves; Adam is by hand.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from alrun.strategies.more.discriminative import Discriminative
from alrun.strategies.more.learning_loss import LearningLoss, LossNet
from alrun.strategies.more.vaal import Vaal
from alrun.strategies.more.vaal_networks import Discriminator, Vae
from tests.strategies.queries import make_query

Array = NDArray[np.float64]


class Adam:
    """Kingma and Ba 2015, Algorithm 1, with its default settings."""

    def __init__(self, weights: list[Array], lr: float) -> None:
        self.weights, self.lr, self.steps = weights, lr, 0
        self.first = [np.zeros_like(w) for w in weights]
        self.second = [np.zeros_like(w) for w in weights]

    def step(self, gradients: list[Array]) -> None:
        self.steps += 1
        for w, g, m, v in zip(self.weights, gradients, self.first, self.second, strict=True):
            m[:] = 0.9 * m + 0.1 * g
            v[:] = 0.999 * v + 0.001 * g**2
            w -= self.lr * (m / (1 - 0.9**self.steps)) / (np.sqrt(v / (1 - 0.999**self.steps)) + 1e-8)


def arrays(network: nn.Module) -> list[Array]:
    return [weight.detach().double().numpy().copy() for weight in network.parameters()]


def forward(weights: list[Array], x: Array) -> list[Array]:
    """Inputs of every layer of a ReLU network, and its outputs."""
    values = [x]
    for layer, (w, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        y = values[-1] @ w.T + b
        values.append(y if 2 * layer + 2 == len(weights) else np.maximum(y, 0))
    return values


def backward(weights: list[Array], values: list[Array], slope: Array) -> list[Array]:
    """Gradients of all weights, ``slope`` being that of the outputs."""
    gradients = []
    for w, x in zip(weights[::2][::-1], values[:-1][::-1], strict=True):
        gradients = [slope.T @ x, slope.sum(0), *gradients]
        slope = (slope @ w) * (x > 0)
    return gradients


def highest(scores: Array, count: int) -> list[int]:
    return np.argsort(-scores, kind="stable")[:count].tolist()


@pytest.mark.parametrize("per_label", [None, 1, 2])
def test_discriminative_picks_as_its_algorithm_written_out(per_label):
    settings = {"sub_batches": 3, "width": 16, "epochs": 4, "batch_size": 32, "lr": 0.01, "stop_accuracy": 1.0}
    strategy = Discriminative(candidates_per_label=per_label, **settings)
    query = make_query(strategy, size=10, labeled=30)
    rng = torch.Generator()
    rng.set_state(query.rng.get_state())
    torch.manual_seed(5)
    found = strategy.select(query).tolist()

    torch.manual_seed(5)
    x = torch.cat([query.unlabeled.embedding, query.labeled.embedding]).double().numpy()
    x = (x - x.mean(0)) / x.std(0, ddof=1)
    kind = np.array([1.0] * len(query.unlabeled) + [0.0] * len(query.labeled))
    expected: list[int] = []
    for share in (4, 3, 3):
        seen = np.arange(len(x))
        if per_label:
            free = (kind == 1).nonzero()[0]
            drawn = torch.randperm(len(free), generator=rng).numpy()[: per_label * int((kind == 0).sum())]
            seen = np.sort(np.concatenate([free[drawn], (kind == 0).nonzero()[0]]))
        layers = [nn.Linear(a, b) for a, b in pairwise((x.shape[1], 16, 16, 1))]
        weights = arrays(nn.Sequential(*layers))
        adam = Adam(weights, 0.01)
        target = kind[seen]
        weight = np.where(target == 1, 0.5 / target.mean(), 0.5 / (1 - target.mean()))
        for _ in range(4):
            for batch in torch.randperm(len(seen)).split(32):
                batch = batch.numpy()
                values = forward(weights, x[seen[batch]])
                told = 1 / (1 + np.exp(-values[-1][:, 0]))
                adam.step(backward(weights, values, ((told - target[batch]) * weight[batch] / len(batch))[:, None]))
        scores = np.full(len(x), -np.inf)
        scores[seen] = forward(weights, x[seen])[-1][:, 0]
        scores[kind == 0] = -np.inf
        picks = highest(scores, share)
        kind[picks] = 0
        expected += picks
    assert found == expected


def test_learning_loss_picks_as_its_algorithm_written_out():
    strategy = LearningLoss(epochs=3, width=6, margin=0.5, lr=0.01, batch_size=8)
    query = make_query(strategy, size=15, labeled=30)
    torch.manual_seed(5)
    found = strategy.select(query).tolist()

    torch.manual_seed(5)
    model = query.model.double().eval()

    def levels(index: Tensor) -> tuple[list[Array], Tensor]:
        """The last map of each size, pixel by pixel; this network has its first at 8x8 and its last at 4x4."""
        with torch.no_grad():
            images = query.pool_images(index).double()
            maps = [model.features[:3](images), model.features[:8](images)]
            return [(each.flatten(2).sum(2) / each[0, 0].numel()).numpy() for each in maps], model(images)

    shown, logits = levels(query.labeled.index)
    probabilities = torch.softmax(logits, 1).numpy()
    true = -np.log(probabilities[np.arange(len(probabilities)), query.labels.numpy()])
    weights = arrays(LossNet([level.shape[1] for level in shown], 6))
    adam = Adam(weights, 0.01)

    def predict(maps: list[Array]) -> tuple[Array, Array]:
        hidden = [maps[level] @ weights[2 * level].T + weights[2 * level + 1] for level in (0, 1)]
        joined = np.maximum(np.concatenate(hidden, 1), 0)
        return (joined @ weights[4].T + weights[5])[:, 0], joined

    for _ in range(3):
        for batch in torch.randperm(len(true)).split(8):
            batch = batch.numpy()
            predicted, joined = predict([level[batch] for level in shown])
            slope, half = np.zeros(len(batch)), len(batch) // 2
            for i in range(half):
                sign = np.sign(true[batch[i]] - true[batch[i + half]])
                if 0.5 - sign * (predicted[i] - predicted[i + half]) > 0:
                    slope[i] -= sign / half
                    slope[i + half] += sign / half
            inner = slope[:, None] * weights[4] * (joined > 0)
            parts = [(inner[:, :6].T @ shown[0][batch], inner[:, :6].sum(0))]
            parts += [(inner[:, 6:].T @ shown[1][batch], inner[:, 6:].sum(0))]
            adam.step([*parts[0], *parts[1], slope[None] @ joined, slope.sum(keepdims=True)])
    scores = predict(levels(query.unlabeled.index)[0])[0]
    # float32 cannot tell two scores that are closer than this
    assert np.allclose(scores[found], np.sort(scores)[::-1][:15], rtol=0, atol=1e-3 * scores.std())


@pytest.mark.parametrize(("iterations", "vae_steps"), [(4, 1), (None, 2)])
def test_vaal_picks_as_its_algorithms_written_out(iterations, vae_steps):
    """With ``iterations=None`` as its authors' loop: as long as the classifier, here four steps."""
    settings = {"batch_size": 16, "lr": 0.01, "latent": 3, "width": 4, "beta": 0.1, "adversary": 2.0}
    strategy = Vaal(iterations, **settings, vae_steps=vae_steps)
    query = make_query(strategy, size=15)
    query = replace(query, trained=replace(query.trained, steps=4))
    torch.manual_seed(5)
    found = strategy.select(query).tolist()

    torch.manual_seed(5)
    vae, told = Vae(1, (8, 8), 4, 3), Discriminator(3)
    vae, told = vae.double(), told.double()
    images = query.pool.images.double() / 255
    adams = [Adam([w.detach().numpy() for w in network.parameters()], 0.01) for network in (vae, told)]

    def step(number: int, network: nn.Module, loss: Tensor) -> None:
        adams[number].step([g.numpy() for g in torch.autograd.grad(loss, list(network.parameters()))])

    for vae_step in range(1, 4 * vae_steps + 1):
        batches = [
            images[index[torch.randint(len(index), (16,))]] for index in (query.pool.labeled, query.pool.unlabeled)
        ]
        loss, codes = torch.zeros(()), []
        for batch in batches:
            mean, log_variance = vae.encoder(batch).split(3, dim=1)
            noise = torch.randn(mean.shape).double()  # the strategy's numbers, in float32
            reconstruction = vae.decoder(mean + torch.sqrt(log_variance.exp()) * noise)
            divergence = kl_divergence(Normal(mean, torch.sqrt(log_variance.exp())), Normal(0.0, 1.0))
            deceit = -torch.log(torch.sigmoid(told(mean)))
            loss = loss + ((reconstruction - batch) ** 2).mean() + 0.1 * divergence.sum(1).mean() + 2 * deceit.mean()
            codes.append(mean.detach())
        step(0, vae, loss)
        if vae_step % vae_steps:
            continue
        labeled, unlabeled = (torch.sigmoid(told(code)) for code in codes)
        step(1, told, -torch.log(labeled).mean() - torch.log(1 - unlabeled).mean())
    vae.eval()
    with torch.no_grad():
        scores = -told(vae.encode(images[query.unlabeled.index])[0])[:, 0].numpy()
    assert found == highest(scores, 15)
