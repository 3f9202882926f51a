"""VAAL: images whose code a discriminator takes for unlabeled."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional as F

from alrun.strategies.base import Needs, Query, ScoreStrategy
from alrun.strategies.more.vaal_networks import Discriminator, Vae
from alrun.system.errors import SettingError, StrategyError


class Vaal(ScoreStrategy):
    """Variational adversarial active learning.

    An autoencoder of labeled and unlabeled images learns to make their codes alike, and a discriminator learns to
    separate them; the images that it is surest are unlabeled are labeled next. Both are trained from new weights in
    every round, and the time counts as training.

    The authors' own loop trains both beside the classifier, a step of the discriminator and two of the autoencoder for
    each step of the classifier, and ends with it (``iterations=null vae_steps=2``). The networks share no weights with
    the classifier, so here the same steps follow its training.

    Args:
        iterations: Steps of both networks; null: as many as the classifier took in this round.
        batch_size: Images of either kind in a step.
        lr: Of both, with Adam.
        latent: Numbers in a code.
        width: Channels of the autoencoder's first layer (128 in the paper).
        beta: Weight of the codes' divergence from a standard Gaussian.
        adversary: Weight of the loss that deceives the discriminator.
        vae_steps: Steps of the autoencoder, each on batches of its own, before each step of the discriminator, which
            takes the last batches.

    Source: Sinha, Ebrahimi and Darrell, Variational Adversarial Active Learning, ICCV 2019, Algorithms 1 and 2.
    """

    needs = Needs()
    on_vectors = "discriminative"

    def __init__(
        self,
        iterations: Annotated[int, Ge(1)] | None = 1000,
        batch_size: Annotated[int, Ge(1)] = 64,
        lr: Annotated[float, Gt(0)] = 5e-4,
        latent: Annotated[int, Ge(1)] = 32,
        width: Annotated[int, Ge(1)] = 32,
        beta: Annotated[float, Ge(0)] = 1.0,
        adversary: Annotated[float, Ge(0)] = 1.0,
        vae_steps: Annotated[int, Ge(1)] = 1,
    ) -> None:
        self.iterations = iterations
        self.batch_size = batch_size
        self.lr = lr
        self.latent = latent
        self.width = width
        self.beta = beta
        self.adversary = adversary
        self.vae_steps = vae_steps

    def score(self, query: Query) -> Tensor:
        """The discriminator's log odds that an image is unlabeled: (n,).

        Raises:
            UserError: The networks diverged, or are to train as long as a classifier that was not trained here.
        """
        if self.iterations is None and not query.trained.steps:
            raise SettingError(
                "strategy.iterations=null takes as many steps as the classifier, and round 0's was given, not trained: "
                "give a number, such as strategy.iterations=1000."
            )
        with query.training:
            vae, discriminator = self.train(query)
        outputs = []
        with torch.no_grad():
            for index in query.unlabeled.index.split(query.chunk):
                outputs.append(discriminator(vae.encode(scaled_images(query, index))[0])[:, 0])
        scores = torch.cat(outputs)
        if not scores.isfinite().all():
            raise StrategyError("strategy=vaal: its networks diverged: lower strategy.lr. Earlier rounds are kept.")
        return -scores

    def train(self, query: Query) -> tuple[Vae, Discriminator]:
        """Both networks after training, in evaluation mode."""
        _, channels, height, width = query.pool.images.shape
        device = query.pool.device
        vae = Vae(channels, (height, width), self.width, self.latent).to(device)
        discriminator = Discriminator(self.latent).to(device)
        vae_optimizer = torch.optim.Adam(vae.parameters(), self.lr)
        discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), self.lr)
        labeled, unlabeled = query.pool.labeled, query.unlabeled.index
        with torch.enable_grad():
            for _ in range(query.trained.steps if self.iterations is None else self.iterations):
                codes: list[Tensor] = []
                for _ in range(self.vae_steps):
                    images = [scaled_images(query, self.draw(index)) for index in (labeled, unlabeled)]
                    loss, codes = self.vae_loss(vae, discriminator, images)
                    vae_optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    vae_optimizer.step()
                verdicts = [discriminator(code.detach())[:, 0] for code in codes]
                loss = binary_cross_entropy(verdicts[0], 1.0) + binary_cross_entropy(verdicts[1], 0.0)
                discriminator_optimizer.zero_grad(set_to_none=True)
                loss.backward()
                discriminator_optimizer.step()
        return vae.eval(), discriminator.eval()

    def vae_loss(self, vae: Vae, discriminator: Discriminator, images: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The summed loss over both kinds of images (reconstruction, divergence, deception), and their mean codes."""
        losses, codes = [], []
        for batch in images:
            made, mean, log_variance = vae(batch)
            divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
            deception = binary_cross_entropy(discriminator(mean)[:, 0], 1.0)
            losses.append(F.mse_loss(made, batch) + self.beta * divergence + self.adversary * deception)
            codes.append(mean)
        return torch.stack(losses).sum(), codes

    def draw(self, index: Tensor) -> Tensor:
        """Indices (batch_size,) drawn from ``index`` with replacement, by torch's global generator."""
        return index[torch.randint(len(index), (self.batch_size,))]


def scaled_images(query: Query, index: Tensor) -> Tensor:
    """``pool.images[index]`` as floats from 0 to 1: (B, C, H, W)."""
    return query.pool.take(index).float() / 255


def binary_cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Binary cross-entropy of ``logits`` (B,) with the same target for all: ()."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
