"""Strategies that attack the model or train networks of their own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alrun.models.classifier import Classifier
from alrun.strategies import Outputs
from alrun.strategies.more.adversarial import Bim, DeepFool
from alrun.strategies.more.discriminative import Discriminative
from alrun.strategies.more.learning_loss import LearningLoss, pooled_maps, ranking_loss
from alrun.strategies.more.vaal import Vaal
from alrun.strategies.more.vaal_networks import Vae
from alrun.system.errors import UserError
from tests.strategies.queries import make_query


class Linear(Classifier):
    """Logits that are linear in the pixels."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten())
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        self.head.load_state_dict({"weight": weight, "bias": bias})


def test_deepfool_of_a_linear_model_is_the_distance_to_the_nearest_boundary():
    rng = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(4, 12, generator=rng), torch.randn(4, generator=rng)
    images = torch.randn(30, 3, 2, 2, generator=rng)
    found = DeepFool(overshoot=0.02).distance(Linear(weight, bias), images)
    w, logits = weight.double(), images.flatten(1).double() @ weight.double().T + bias.double()
    expected = []
    for row in logits:
        own = int(row.argmax())
        expected.append(min((row[own] - row[k]) / (w[own] - w[k]).norm() for k in range(4) if k != own))
    assert np.allclose(found.detach(), 1.02 * np.array(expected), rtol=1e-3, atol=1e-3)


def slow_deepfool(model: Classifier, image: Tensor, overshoot: float) -> tuple[float, int]:
    """One image, one class at a time, in float64."""
    own, moved, steps = int(model(image).argmax()), torch.zeros_like(image), 0
    while int(model(image + (1 + overshoot) * moved).argmax()) == own:
        x = (image + (1 + overshoot) * moved).requires_grad_()
        logits = model(x)[0]
        best = None
        for k in range(len(logits)):
            if k != own:
                (normal,) = torch.autograd.grad(logits[own] - logits[k], x, retain_graph=True)
                gap = float((logits[own] - logits[k]).detach()) + 1e-4
                distance = gap / float(normal.norm())
                if best is None or distance < best[0]:
                    best = distance, normal, gap
        _, normal, gap = best
        moved = moved - gap / normal.square().sum() * normal
        steps += 1
    return float(((1 + overshoot) * moved).norm()), steps


def test_batched_deepfool_equals_one_image_at_a_time_in_float64():
    query = make_query(DeepFool())
    model, images = query.model.double().eval(), query.images(torch.arange(12)).double()
    with torch.no_grad():
        found = DeepFool(overshoot=0.1).distance(model, images)
    expected, steps = zip(*(slow_deepfool(model, image[None], 0.1) for image in images), strict=True)
    assert np.allclose(found, expected, rtol=1e-6)
    assert max(steps) > 1


def test_batched_bim_equals_one_image_at_a_time():
    query = make_query(Bim())
    model, images, expected = query.model.double().eval(), query.images(torch.arange(12)).double(), []
    for image in images:
        x, own = image[None].clone(), model(image[None]).argmax(1)
        while model(x).argmax(1) == own:
            x.requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), own), x)
            x = (x + 0.05 * gradient.sign()).detach()
        expected.append(float((x - image).norm()))
    with torch.no_grad():
        assert np.allclose(Bim(step_size=0.05).distance(model, images), expected)
    assert len(set(expected)) > 1


def test_the_smallest_perturbations_come_first_and_images_that_never_cross_last():
    strategy = DeepFool(max_iterations=1, overshoot=0.0)
    query = make_query(strategy, size=110)
    with query.evaluating():
        sizes = strategy.distance(query.model, torch.cat(list(query.batches())))
    ordered = sizes[strategy.select(query)]
    assert ordered.isfinite().any()
    assert not ordered.isfinite().all()
    assert (ordered[1:] >= ordered[:-1]).all()


def test_discriminative_takes_what_lies_apart_from_the_labeled():
    rng = torch.Generator().manual_seed(0)
    near, far = torch.randn(60, 8, generator=rng), 4 + torch.randn(20, 8, generator=rng)
    query = make_query(Discriminative(), size=10)
    unlabeled = Outputs(torch.arange(60), embedding=torch.cat([near[:40], far]))
    labeled = Outputs(torch.arange(60, 80), embedding=near[40:])
    chosen = Discriminative(sub_batches=1, epochs=5, batch_size=32).select(
        replace(query, unlabeled=unlabeled, labeled=labeled)
    )
    assert (chosen >= 40).sum() >= 9
    assert query.training.cost.seconds > 0


def test_ranking_loss_equals_its_formula_pair_by_pair():
    predicted, true = torch.tensor([0.3, -1.0, 2.0, 0.5, 9.0]), torch.tensor([1.0, 2.0, 0.5, 3.0, 7.0])
    pairs = [(0, 2), (1, 3)]  # the odd one out is left out
    expected = [max(0.0, 1 - np.sign(float(true[i] - true[j])) * float(predicted[i] - predicted[j])) for i, j in pairs]
    assert float(ranking_loss(predicted, true, 1.0)) == pytest.approx(np.mean(expected))


def test_feature_maps_are_the_last_of_every_size():
    query = make_query(LearningLoss())
    with query.evaluating():
        levels, logits = pooled_maps(query.model, query.batches())
        images, features = torch.cat(list(query.batches())), query.model.features
        expected = [features[:3](images), features[:7](images[:]), features[:8](images)]
        assert torch.allclose(logits, query.model(images), atol=1e-5)
    # 8x8 after the first ReLU; 4x4 last after the average pooling to 4x4
    assert [level.shape for level in levels] == [(110, 4), (110, 8)]
    assert torch.allclose(levels[0], expected[0].mean((2, 3)), atol=1e-5)
    assert torch.allclose(levels[1], expected[2].mean((2, 3)), atol=1e-5)
    assert not query.model._forward_hooks
    assert not query.model.features[0]._forward_hooks


def test_learning_loss_ranks_losses_that_features_tell():
    torch.manual_seed(0)
    features = [torch.randn(300, 6), torch.randn(300, 3)]
    losses = (features[0][:, 0] + 0.5 * features[1][:, 1]).exp()
    network = LearningLoss(epochs=60).train([level[:200] for level in features], losses[:200])
    with torch.no_grad():
        predicted = network([level[200:] for level in features])
    assert np.corrcoef(predicted.argsort().argsort(), losses[200:].argsort().argsort())[0, 1] > 0.9


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (3, (32, 32)), (1, (28, 28)), (3, (37, 21)), (2, (5, 64))])
def test_the_autoencoder_takes_images_of_any_size(channels, size):
    images = torch.rand(3, channels, *size)
    made, mean, log_variance = Vae(channels, size, width=4, latent=6)(images)
    assert made.shape == images.shape
    assert mean.shape == log_variance.shape == (3, 6)


def test_vaal_takes_images_unlike_the_labeled_ones():
    """Labeled images are dark, and so are half of the unlabeled ones; without deceit the bright ones are told."""

    def images(n: int) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        dark = torch.randint(0, 60, (n, 1, 8, 8), dtype=torch.uint8, generator=rng)
        dark[60:] += 180
        return dark

    strategy = Vaal(iterations=80, batch_size=32, width=8, latent=4, beta=0.01, adversary=0.0)
    query = make_query(strategy, size=20, images=images)
    bright = (query.unlabeled.index >= 60)[strategy.select(query)]
    assert bright.float().mean() > 0.9
    assert query.training.cost.seconds > 0


def test_vaals_losses_equal_their_formulas():
    torch.manual_seed(0)
    vae, told = Vae(1, (8, 8), width=4, latent=6), nn.Linear(6, 1)
    batches = [torch.rand(5, 1, 8, 8), torch.rand(5, 1, 8, 8)]
    state = torch.get_rng_state()
    loss, codes = Vaal(beta=0.3, adversary=0.7).vae_loss(vae, told, batches)
    torch.set_rng_state(state)
    expected = 0.0
    for batch, code in zip(batches, codes, strict=True):
        made, mean, log_variance = vae(batch)
        gaussian = torch.distributions.Normal(mean, (log_variance / 2).exp())
        divergence = torch.distributions.kl_divergence(gaussian, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
        deceit = -torch.log(torch.sigmoid(told(mean))).mean()
        expected += ((made - batch) ** 2).mean() + 0.3 * divergence + 0.7 * deceit
        assert torch.allclose(code, mean, atol=1e-4)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-3)


def test_vaal_cannot_train_as_long_as_a_model_that_was_given():
    query = make_query(strategy := Vaal(iterations=None, width=4))
    with pytest.raises(UserError, match=r"round 0's was given, not trained: give a number"):
        strategy.select(replace(query, trained=replace(query.trained, steps=0)))


def test_vaal_that_diverges_is_one_sentence():
    strategy = Vaal(iterations=20, batch_size=8, width=4, lr=1e6)
    with pytest.raises(UserError, match=r"diverged: lower strategy.lr"):
        strategy.select(make_query(strategy))
