"""Noise stability: examples whose outputs change when noise is added to the weights."""

from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.func import functional_call

from alrun.selection.k_center import k_center
from alrun.selection.points import Dense
from alrun.strategies.base import Needs, Query, Strategy


class NoiseStability(Strategy):
    """Greedy k-center on the changes of the logits under ``noise_samples`` random changes of all weights.

    Each change of the weights has ``magnitude`` times their length. Examples whose logits change much, and differently
    from one another, are selected, the largest change first. The model itself is never altered.

    Source: Li et al., Deep Active Learning with Noise Stability, AAAI 2024, Algorithm 1; it also allows embeddings
    instead of logits.
    """

    needs = Needs()

    def __init__(
        self, noise_samples: Annotated[int, Ge(1)] = 10, magnitude: Annotated[float, Gt(0), Le(1)] = 1e-3
    ) -> None:
        self.noise_samples = noise_samples
        self.magnitude = magnitude

    def select(self, query: Query) -> Tensor:
        """Positions (size,) int64, the largest change first."""
        weights = dict(query.model.named_parameters())
        changed = [self.changed(weights) for _ in range(self.noise_samples)]
        rows = []
        with query.evaluating():
            for images in query.batches():
                logits = query.model(images)
                moved = [functional_call(query.model, others, images) - logits for others in changed]
                rows.append(torch.cat(moved, 1))
        deviation = torch.cat(rows) / self.magnitude if self.magnitude else torch.cat(rows)
        origin = torch.zeros(1, deviation.shape[1], device=deviation.device)
        return k_center(Dense(deviation), Dense(origin), query.size, query.rng)

    def changed(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights plus Gaussian noise of the wanted length; the noise comes from torch's global generator."""
        noise = {name: torch.randn_like(tensor) for name, tensor in weights.items()}
        ratio = self.magnitude * joint_length(weights) / joint_length(noise)
        return {name: (tensor + ratio * noise[name]).detach() for name, tensor in weights.items()}


def joint_length(tensors: Mapping[str, Tensor]) -> Tensor:
    """Euclidean length of all tensors together: ()."""
    return torch.stack([tensor.detach().square().sum() for tensor in tensors.values()]).sum().sqrt()
