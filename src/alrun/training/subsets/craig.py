"""CRAIG: medoids of the gradients, weighted by the number of examples that they represent."""

import torch
from torch import Tensor

from alrun.models.outputs import with_bias
from alrun.selection.greedy import maximize
from alrun.selection.points import Points, sqdist
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity
from alrun.training.subsets.base import Epoch, PeriodicSubset, split_by_class

MEMORY = 2e9  # bytes of distances that are kept


class Craig(PeriodicSubset):
    """Of each class, the examples nearest to all others by last-layer gradients (facility location, lazy greedy).

    The weight of an example is the number of examples that are nearer to it than to any other chosen one. It multiplies
    the loss, as in the algorithm, so steps are 1 / ``fraction`` times as long as those without weights.

    Source: Mirzasoleiman, Bilmes and Leskovec, Coresets for Data-efficient Training of Machine Learning Models,
    ICML 2020, Algorithm 1.
    """

    def select(self, epoch: Epoch, size: int) -> tuple[Tensor, Tensor]:
        """Positions (k,) and weights (k,) on the CPU, class by class."""
        gradients = with_bias(epoch.outputs().gradient_at(epoch.labels))
        positions, weights = [], []
        for members in split_by_class(epoch.labels):
            points = gradients.take(members)
            medoids = maximize(
                FacilityLocation(Similarity(points, points, closeness(points), MEMORY)),
                max(1, round(self.fraction * len(members))),
            )
            nearest = points.shifted(points.take(medoids)).argmin(1)
            positions.append(members[medoids])
            weights.append(nearest.bincount(minlength=len(medoids)).cpu())
        # A copy of a chosen example may represent nothing: the other one takes all.
        weight = torch.cat(weights).double()
        return torch.cat(positions)[weight > 0], weight[weight > 0]


def closeness(points: Points):
    """A similarity of points that falls with their distance and is never negative."""
    limit = 2 * points.sqnorm.max().sqrt()
    return lambda some, others: limit - sqdist(some, others).sqrt_()
