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

    Args:
        sub_batches: Parts of the budget, each with a network of its own.
        candidates_per_label: Unlabeled examples for each labeled one, drawn again for each sub-batch; the network sees
            no others, and the sub-batch is chosen among them. null: all.
        width: Of the network's two hidden layers.
        epochs: At most.
        stop_accuracy: On its training set.
        lr: Of Adam.
        batch_size: Of a step.

    Source: Gissin and Shalev-Shwartz, Discriminative Active Learning, 2019, Algorithm 1 and Section 4. The draw of
    candidates is in the authors' code (query_methods.py), not in the paper. Their network has three hidden layers.
    """

    needs = Needs(embedding=True, labeled=True)

    def __init__(
        self,
        sub_batches: Annotated[int, Ge(1)] = 10,
        candidates_per_label: Annotated[int, Ge(1)] | None = 10,
        width: Annotated[int, Ge(1)] = 256,
        epochs: Annotated[int, Ge(1)] = 50,
        stop_accuracy: Annotated[float, Gt(0), Le(1)] = 0.98,
        lr: Annotated[float, Gt(0)] = 1e-3,
        batch_size: Annotated[int, Ge(1)] = 1024,
    ) -> None:
        self.sub_batches = sub_batches
        self.candidates_per_label = candidates_per_label
        self.width = width
        self.epochs = epochs
        self.stop_accuracy = stop_accuracy
        self.lr = lr
        self.batch_size = batch_size

    def score(self, query: Query) -> Tensor:
        """Log odds that an example is unlabeled, by a network trained before the first sub-batch: (n,)."""
        x, unlabeled = self.points(query)
        network = self.trained(query, x, unlabeled, self.candidates(unlabeled, 1, query.rng))
        return log_odds(network, x[unlabeled])

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, one sub-batch after the other."""
        return self.choose(query)[0]

    def choose(self, query: Query) -> tuple[Tensor, Tensor]:
        """The positions of ``select``, and their scores (size,) by the networks of their sub-batches."""
        x, unlabeled = self.points(query)
        chosen, scores = [], []
        for share in torch.arange(query.size).tensor_split(min(self.sub_batches, query.size)):
            candidates = self.candidates(unlabeled, len(share), query.rng)
            score = log_odds(self.trained(query, x, unlabeled, candidates), x[candidates])
            best = highest(score, len(share))
            unlabeled[candidates[best]] = False
            chosen.append(candidates[best])
            scores.append(score[best])
        return torch.cat(chosen), torch.cat(scores)

    def points(self, query: Query) -> tuple[Tensor, Tensor]:
        """Standardized embeddings (n + m, H) of unlabeled, then labeled examples; and which are unlabeled, (n + m,)."""
        x = torch.cat([query.unlabeled.embedding, query.labeled.embedding])
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
        unlabeled = torch.ones(len(x), dtype=torch.bool, device=x.device)
        unlabeled[len(query.unlabeled) :] = False
        return x, unlabeled

    def candidates(self, unlabeled: Tensor, least: int, rng: torch.Generator) -> Tensor:
        """Positions (k,) int64 of the examples that a network sees as ``unlabeled`` (n + m,), ``least`` or more."""
        free = unlabeled.nonzero().flatten()
        if self.candidates_per_label is None:
            return free
        count = max(least, self.candidates_per_label * (len(unlabeled) - len(free)))
        if count >= len(free):
            return free
        drawn = torch.randperm(len(free), generator=rng)[:count].sort().values
        return free[drawn.to(free.device)]

    def trained(self, query: Query, x: Tensor, unlabeled: Tensor, candidates: Tensor) -> nn.Module:
        """A network trained to separate the ``candidates`` from the labeled rows of ``x``."""
        seen = torch.cat([candidates, (~unlabeled).nonzero().flatten()]).sort().values
        with query.training:
            return self.train(x[seen], unlabeled[seen])

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


def log_odds(network: nn.Module, x: Tensor) -> Tensor:
    """Log odds that each row of ``x`` (k, H) is unlabeled: (k,).

    Raises:
        StrategyError: They are not finite.
    """
    with torch.no_grad():
        scores: Tensor = network(x)[:, 0]
    if not scores.isfinite().all():
        raise StrategyError(
            "strategy=discriminative: its network diverged: lower strategy.lr. Earlier rounds are kept."
        )
    return scores
