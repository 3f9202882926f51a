"""GRAD-MATCH: examples whose gradients, weighted, add up to that of the whole labeled set."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from alrun.models.outputs import with_bias
from alrun.selection.linear import weighted_sum
from alrun.selection.matching_pursuit import matching_pursuit
from alrun.selection.points import AnyPoints, Dense, Outer
from alrun.training.subsets.base import Epoch, PeriodicSubset, split_by_class


class GradMatch(PeriodicSubset):
    """Orthogonal matching pursuit of the labeled set's last-layer gradient.

    ``per`` says what is matched with the gradient: ``batch``, the summed gradients of random batches of the optimizer's
    size, a share ``fraction`` of which is taken; ``class``, gradients of single examples, each class by itself;
    ``example``, gradients of single examples, all classes at once. Weights are those of the pursuit and multiply the
    losses. If fewer match the gradient within ``tolerance``, the rest is drawn uniformly, at the mean weight.

    As in the public notebook behind the paper's Table 13, the weights multiply the losses as they are, which makes
    steps up to 1 / ``fraction`` times as long as those without weights. (CORDS, whose solver the notebook takes,
    divides them by their sum within a batch.) The notebook takes batches in the order of labeling and augments their
    images; here batches are drawn at random for every selection, without augmentation.

    Batches take (m / batch size) C (H + 1) numbers of memory; the gradients of single examples are never formed.

    Source: Killamsetty et al., GRAD-MATCH: Gradient Matching Based Data Subset Selection for Efficient Deep Model
    Training, ICML 2021.
    """

    def __init__(
        self,
        per: Literal["batch", "class", "example"] = "batch",
        ridge: Annotated[float, Ge(0)] = 0.0,
        tolerance: Annotated[float, Ge(0)] = 1e-4,
        fraction: Annotated[float, Gt(0), Le(1)] = 0.3,
        every: Annotated[int, Ge(1)] = 35,
        full_every: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(fraction, every, full_every)
        self.per = per
        self.ridge = ridge
        self.tolerance = tolerance

    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, Tensor]:
        """Positions (k,) and weights (k,) on the CPU, matched by batch, by class, or by example."""
        gradients = with_bias(epoch.outputs().gradient_at(epoch.labels))
        if self.per == "batch":
            batches = torch.randperm(len(gradients), generator=epoch.rng).split(epoch.batch_size)
            sums = Dense(torch.stack([sum_points(gradients.take(batch)).flatten() for batch in batches]))
            chosen, weights = self.pursue(sums, max(1, round(self.fraction * len(batches))), epoch.rng)
            lengths = torch.tensor([len(batches[i]) for i in chosen.tolist()])
            return torch.cat([batches[i] for i in chosen.tolist()]), weights.repeat_interleave(lengths)
        if self.per == "example":
            return self.pursue(gradients, size, epoch.rng)
        positions, weights = [], []
        for members in split_by_class(epoch.labels):
            among, weight = self.pursue(gradients.take(members), max(1, round(self.fraction * len(members))), epoch.rng)
            positions.append(members[among])
            weights.append(weight)
        return torch.cat(positions), torch.cat(weights)

    def pursue(self, points: AnyPoints, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Positions (size,) and positive weights (size,) by which these points add up to the sum of all."""
        chosen, weights = matching_pursuit(points, sum_points(points), size, self.ridge, self.tolerance)
        missing = size - len(chosen)
        if missing:
            order = torch.randperm(len(points), generator=rng)
            chosen = torch.cat([chosen, order[~torch.isin(order, chosen)][:missing]])
            level = weights.mean() if len(weights) else torch.ones((), dtype=weights.dtype)
            weights = torch.cat([weights, level.expand(missing)])
        return chosen, weights


def sum_points(points: Dense | Outer) -> Tensor:
    """The sum of all points: (d,), or (C, H) if they are factors."""
    return weighted_sum(points, torch.ones_like(points.sqnorm))
