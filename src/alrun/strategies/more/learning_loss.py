"""Learning loss: examples with the highest predicted loss."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional as F

from alrun.models.classifier import Classifier
from alrun.strategies.base import Query, ScoreStrategy
from alrun.system.errors import StrategyError


class LearningLoss(ScoreStrategy):
    """A small network learns from the classifier's feature maps which of two labeled images has the higher loss.

    It is trained after the classifier, on the labeled set without augmentation; the original trains both together.

    Source: Yoo and Kweon, Learning Loss for Active Learning, CVPR 2019, Equation 2 and Figure 3.
    """

    on_vectors = "expected_gradient"

    def __init__(
        self,
        epochs: Annotated[int, Ge(1)] = 100,
        width: Annotated[int, Ge(1)] = 128,
        margin: Annotated[float, Ge(0)] = 1.0,
        lr: Annotated[float, Gt(0)] = 1e-3,
        batch_size: Annotated[int, Ge(2)] = 128,
    ) -> None:
        self.epochs = epochs
        self.width = width
        self.margin = margin
        self.lr = lr
        self.batch_size = batch_size

    def score(self, query: Query) -> Tensor:
        """The predicted loss of each example, on a scale of its own: (n,)."""
        with query.evaluating():
            with query.training:
                index = query.labeled.index
                batches = (query.pool_images(part) for part in index.split(query.chunk))
                features, logits = pooled_maps(query.model, batches)
                losses = F.cross_entropy(logits, query.labels, reduction="none")
                network = self.train(features, losses)
            features, _ = pooled_maps(query.model, query.batches())
            predicted = network(features)
            if not predicted.isfinite().all():
                raise StrategyError(
                    "strategy=learning_loss: its network diverged: lower strategy.lr. Earlier rounds are kept."
                )
            return predicted

    def train(self, features: list[Tensor], losses: Tensor) -> "LossNet":
        """A network trained on pairs in shuffled batches: the first half of a batch against the second."""
        network = LossNet([maps.shape[1] for maps in features], self.width).to(losses.device)
        optimizer = torch.optim.Adam(network.parameters(), self.lr)
        with torch.enable_grad():
            for _ in range(self.epochs):
                for batch in torch.randperm(len(losses)).to(losses.device).split(self.batch_size):
                    loss = ranking_loss(network([maps[batch] for maps in features]), losses[batch], self.margin)
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
        return network


def ranking_loss(predicted: Tensor, true: Tensor, margin: float) -> Tensor:
    """Mean over pairs (first and second half of a batch) of max(0, margin - sign(l_i - l_j) (p_i - p_j))."""
    half = len(true) // 2
    if not half:
        return predicted.sum() * 0
    sign = (true[:half] - true[half : 2 * half]).sign()
    return (margin - sign * (predicted[:half] - predicted[half : 2 * half])).clamp_min(0).mean()


class LossNet(nn.Module):
    """A linear layer and ReLU for each level, and one output from all of them."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Sequential(nn.Linear(count, width), nn.ReLU()) for count in channels)
        self.out = nn.Linear(width * len(channels), 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Pooled maps, (B, channels) for each level, to predicted losses (B,)."""
        joined = [level(maps) for level, maps in zip(self.levels, features, strict=True)]
        return self.out(torch.cat(joined, 1))[:, 0]


def pooled_maps(model: Classifier, batches: Iterator[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The last feature map of each size, averaged over its pixels: a level (n, channels) each; and the logits (n, C).

    A network without maps has one level, its embedding.
    """
    levels: dict[int, list[Tensor]] = {}
    logits = []
    with recording_maps(model) as maps:
        for images in batches:
            maps.clear()
            embedding = model.embed(images)
            logits.append(model.head(embedding))
            found = [value.mean((2, 3)) for value in maps.values()] or [embedding]
            for level, value in enumerate(found):
                levels.setdefault(level, []).append(value)
    return [torch.cat(parts) for parts in levels.values()], torch.cat(logits)


@contextmanager
def recording_maps(model: nn.Module) -> Iterator[dict[tuple[int, ...], Tensor]]:
    """Record the last map (B, C, H, W) of every size (H, W) of a forward pass, in a dictionary by size."""
    maps: dict[tuple[int, ...], Tensor] = {}

    def note(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            maps[tuple(output.shape[2:])] = output

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
