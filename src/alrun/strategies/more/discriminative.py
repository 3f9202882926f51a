"""Discriminative active learning: examples that a network distinguishes from the labeled ones."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F

from alrun.strategies.base import Needs, Query, ScoreStrategy, highest
from alrun.system.errors import StrategyError


class Discriminative(ScoreStrategy):
    """Trains a network to separate labeled from unlabeled embeddings; labels those that look most unlabeled.

    The budget is spent in ``sub_batches``: chosen examples count as labeled when the next network is trained. Training
    stops at ``stop_accuracy``, so that the network does not memorize the labeled examples.

    Source: Gissin and Shalev-Shwartz, Discriminative Active Learning, 2019, Algorithm 1 and Section 4.
    """

    needs = Needs(embedding=True, labeled=True)

    def __init__(
        self,
        sub_batches: Annotated[int, Ge(1)] = 10,
        width: Annotated[int, Ge(1)] = 256,
        epochs: Annotated[int, Ge(1)] = 50,
        stop_accuracy: Annotated[float, Gt(0), Le(1)] = 0.98,
        lr: Annotated[float, Gt(0)] = 1e-3,
        batch_size: Annotated[int, Ge(1)] = 1024,
    ) -> None:
        self.sub_batches = sub_batches
        self.width = width
        self.epochs = epochs
        self.stop_accuracy = stop_accuracy
        self.lr = lr
        self.batch_size = batch_size

    def score(self, query: Query) -> Tensor:
        """Log odds that an example is unlabeled, by a network trained before the first sub-batch: (n,)."""
        x, unlabeled = self.points(query)
        return self.log_odds(query, x, unlabeled)

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, one sub-batch after the other."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor]:
        """The positions of ``select``, and their scores (size,) by the networks of their sub-batches."""
        x, unlabeled = self.points(query)
        chosen, scores = [], []
        for share in torch.arange(query.size).tensor_split(min(self.sub_batches, query.size)):
            free = unlabeled[: len(query.unlabeled)].nonzero().flatten()
            score = self.log_odds(query, x, unlabeled)
            best = highest(score, len(share))
            unlabeled[free[best]] = False
            chosen.append(free[best])
            scores.append(score[best])
        return torch.cat(chosen), torch.cat(scores)

    def points(self, query: Query) -> tuple[Tensor, Tensor]:
        """Standardized embeddings (n + m, H) of unlabeled, then labeled examples; and which are unlabeled, (n + m,)."""
        x = torch.cat([query.unlabeled.embedding, query.labeled.embedding])
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
        unlabeled = torch.ones(len(x), dtype=torch.bool, device=x.device)
        unlabeled[len(query.unlabeled) :] = False
        return x, unlabeled

    def log_odds(self, query: Query, x: Tensor, unlabeled: Tensor) -> Tensor:
        """Log odds that the ``unlabeled`` rows of ``x`` are unlabeled, by a network trained to separate them: (k,)."""
        with query.training:
            network = self.train(x, unlabeled)
        with torch.no_grad():
            scores = network(x[unlabeled])[:, 0]
        if not scores.isfinite().all():
            raise StrategyError(
                "strategy=discriminative: its network diverged: lower strategy.lr. Earlier rounds are kept."
            )
        return scores

    def train(self, x: Tensor, unlabeled: Tensor) -> nn.Module:
        """A network whose output is high for the ``unlabeled`` rows of ``x``; both kinds weigh the same."""
        network = nn.Sequential(
            *(nn.Linear(x.shape[1], self.width), nn.ReLU()),
            *(nn.Linear(self.width, self.width), nn.ReLU()),
            nn.Linear(self.width, 1),
        ).to(x.device)
        optimizer = torch.optim.Adam(network.parameters(), self.lr)
        target, share = unlabeled.float(), unlabeled.float().mean()
        weight = torch.where(unlabeled, 0.5 / share, 0.5 / (1 - share)).clamp_max(1e6)
        with torch.enable_grad():
            for _ in range(self.epochs):
                correct = torch.zeros((), device=x.device)
                for batch in torch.randperm(len(x)).to(x.device).split(self.batch_size):
                    logits = network(x[batch])[:, 0]
                    loss = F.binary_cross_entropy_with_logits(logits, target[batch], weight[batch])
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                    correct += ((logits > 0) == unlabeled[batch]).sum()
                if float(correct) >= self.stop_accuracy * len(x):
                    break
        return network
